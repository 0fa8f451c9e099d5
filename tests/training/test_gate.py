"""What the gate refuses, and what it must let pass."""

from collections.abc import Mapping

import pytest

from training.evaluate.contrast import Contrast
from training.evaluate.intervals import Comparison, Interval
from training.evaluate.lists import ENDCAP, POPULAR_EVER, POPULAR_LATELY
from training.evaluate.table import ALL, Row, Table
from training.gate import (
    METRIC,
    beats_popularity,
    keeps_its_figures,
    not_below_champion,
    recorded_figures,
)


def table(figures: Mapping[tuple[str, str], float]) -> Table:
    """figures: (model, task) -> value, with an interval of +-0.02."""
    rows = [
        Row(model, task, segment, 100, {METRIC: Interval(value, value - 0.02, value + 0.02)})
        for (model, task), value in figures.items()
        for segment in (ALL, "few items")
    ]
    return Table("temporal", tuple(rows), (), 0, 28.0, 1.0)


def contrast(task: str, difference: float, p_value: float, segment: str = ALL, metric: str = METRIC) -> Contrast:
    """The recipe against the champion's."""
    comparison = Comparison(Interval(difference, -1, 1), p_value)
    return Contrast(task, segment, metric, 100, 0.3 + difference, 0.3, comparison, 0.4, 0.5, 0.1, 0.1)


@pytest.mark.parametrize(
    ("ours", "ever", "lately", "refused"),
    [(0.3, 0.1, 0.2, 0), (0.3, 0.1, 0.31, 1), (0.3, 0.3, 0.1, 1), (0.1, 0.2, 0.3, 2)],
)
def test_what_is_not_above_both_popularities_is_worth_nothing(
    ours: float, ever: float, lately: float, refused: int
) -> None:
    measured = table({(ENDCAP, "all"): ours, (POPULAR_EVER, "all"): ever, (POPULAR_LATELY, "all"): lately})
    refusals = beats_popularity(measured)
    assert len(refusals) == refused
    assert all(f"ndcg@20 of endcap is {ours:.4f}, not above popular" in refusal for refusal in refusals)


def test_popularity_may_win_on_what_is_new_to_a_shopper() -> None:
    """A shop where everybody buys the bestsellers next has nothing to hide."""
    measured = table({(ENDCAP, "new"): 0.1, (POPULAR_EVER, "new"): 0.2})
    assert beats_popularity(measured) == []


@pytest.mark.parametrize(
    ("difference", "p_value", "refused"), [(-0.05, 0.01, True), (-0.05, 0.2, False), (0.05, 0.01, False)]
)
@pytest.mark.parametrize("task", ["all", "new"])
def test_only_a_recipe_that_is_clearly_below_the_champions_is_refused(
    task: str, difference: float, p_value: float, *, refused: bool
) -> None:
    refusals = not_below_champion([contrast(task, difference, p_value)])
    assert len(refusals) == refused
    assert all(f"on `{task}` is 0.0500 below the champion's recipe (p 0.010)" in refusal for refusal in refusals)


def test_a_part_of_the_shoppers_or_another_metric_refuses_nothing() -> None:
    worse = contrast("all", -0.05, 0.01, segment="cold"), contrast("all", -0.05, 0.01, metric="recall@20")
    assert not_below_champion(worse) == []


@pytest.mark.parametrize(
    ("now", "refused"),
    [(0.30, False), (0.28, False), (0.26, False), (0.251, False), (0.249, True), (0.1, True)],
)
def test_the_same_recipe_may_not_fall_by_more_than_a_tenth_beyond_its_interval(now: float, *, refused: bool) -> None:
    refusals = keeps_its_figures(table({(ENDCAP, "all"): now}), {"all": 0.30}, max_fall=0.1)
    assert len(refusals) == refused
    assert all(f"on `all` fell from 0.3000 to {now:.4f} with the same recipe" in refusal for refusal in refusals)


def test_a_figure_that_was_never_recorded_cannot_fall() -> None:
    measured = table({(ENDCAP, "all"): 0.01})
    assert keeps_its_figures(measured, {}, max_fall=0.1) == []
    assert keeps_its_figures(measured, {"new": 0.5}, max_fall=0.1) == []


def test_what_is_recorded_is_our_own_figure_of_all_shoppers_by_task() -> None:
    measured = table({(ENDCAP, "all"): 0.3, (ENDCAP, "new"): 0.1, (POPULAR_EVER, "all"): 0.2})
    assert recorded_figures(measured) == {"all": 0.3, "new": 0.1}
    assert keeps_its_figures(measured, recorded_figures(measured), max_fall=0.1) == []
