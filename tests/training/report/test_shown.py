import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from training.report.charts import Point, Scale, number, plot
from training.report.shown import shown

EVERY_CHARACTER = st.text(st.characters(codec=None), max_size=300)
FIGURES = st.floats(-1e9, 1e9)


@given(EVERY_CHARACTER)
def test_what_is_shown_is_short_and_can_be_written(text: str) -> None:
    told = shown(text)
    assert len(told) <= 100
    assert told.encode("utf-8").decode("utf-8") == told
    assert not {"Cc", "Cs"} & set(map(unicodedata.category, told))


@given(st.lists(FIGURES | st.none(), min_size=1))
def test_no_bar_leaves_its_cell(values: list[float | None]) -> None:
    scale = Scale.over(values)
    for value in values:
        bar = scale.bar(value)
        start, width = float(bar.x[:-1]), float(bar.width[:-1])
        assert -0.01 <= start <= 100.01
        assert start + width <= 100.02


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=12))
def test_no_point_leaves_its_plot(points: list[tuple[float, float]]) -> None:
    drawn = plot({"line": [Point(x, y, y / 2, y * 2, "") for x, y in points]})
    for point in drawn.lines[0].points:
        assert drawn.left - 0.1 <= point.x <= drawn.right + 0.1
        assert 0 <= point.high <= point.y <= point.low <= drawn.bottom + 0.1
    assert 2 <= len(drawn.y_ticks) <= 7
    assert drawn.diagonal is not None


def test_names_below_a_plot_do_not_run_into_each_other() -> None:
    names = [f"2026-11-{day:02}" for day in range(1, 21)]
    drawn = plot({"line": [Point(place, 1, 1, 1, "") for place in range(20)]}, names)
    assert [tick.text for tick in drawn.x_ticks] == names[::4]
    assert drawn.diagonal is None
    assert plot({"line": []}, []).x_ticks == ()


def test_a_figure_has_the_digits_that_tell_it_apart() -> None:
    told = {0: "0", 0.01234: ".0123", -0.5: "-.500", 0.3556: ".356", 1.0: "1.00", 25.888: "25.89", 12345.6: "12,346"}
    assert {value: number(value) for value in told} == told
    assert number(None) == "-"
