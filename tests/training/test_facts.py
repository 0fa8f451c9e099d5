"""What is counted of each item, in shops where the counts are known by construction."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from models.facts import GAP, PRICE, Facts
from tests.worlds import MEMORY, NOW, event, event_frame, item, item_frame, microseconds
from training.data import TrainingData, prepare
from training.facts import facts_of

DAY = timedelta(days=1)
ITEMS = item_frame(
    [
        item("bread", ("food", "baked", "loaves", "sour"), brand="mill", price=4.0),
        item("rolls", ("food", "baked"), brand="mill", price=None),
        item("lamp", ("home",), brand=None, price=0.0),
        item("never", (), brand="volt", price=50.0),
    ]
)


def rows() -> list[dict[str, object]]:
    """Bread: three shoppers in the last week, two more within four weeks, one more within twelve, one long ago."""
    days_ago = {"a": 1, "b": 3, "c": 6.5, "d": 10, "e": 27, "f": 60, "g": 200}
    found = [event(f"u:{name}", "bread", NOW - days * DAY) for name, days in days_ago.items()]
    # Rolls: two shoppers buy them again, after 10 days and after 20 and 20.
    found += [event("u:a", "rolls", NOW - days * DAY) for days in (5, 15)]
    found += [event("u:b", "rolls", NOW - days * DAY) for days in (2, 22, 42)]
    # The lamp is looked at by two and bought by one; an impression is no sign of liking.
    found += [event(f"u:{name}", "lamp", NOW - 2 * DAY, "view") for name in "ab"]
    found += [event("u:a", "lamp", NOW - DAY)]
    found += [event(f"u:{name}", "never", NOW - DAY, "impression") for name in "abc"]
    return found


def data_of(more: tuple[dict[str, object], ...] = (), *, timeless: bool = False) -> TrainingData:
    return prepare(
        event_frame([*rows(), *more]),
        ITEMS,
        until_us=microseconds(NOW),
        memory=MEMORY,
        min_shoppers=2,
        seed=1,
        timeless=timeless,
    )


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return data_of()


def of(item_id: str, name: str, data: TrainingData) -> float:
    """One fact of one item."""
    facts = facts_of(data)
    row = data.vocabulary.rows([item_id])
    return float(facts.numbers_of(row)[0, facts.names.index(name)])


def test_shoppers_are_counted_once_each_in_every_window(data: TrainingData) -> None:
    windows = {"shoppers of 7 days": 3, "shoppers of 28 days": 5, "shoppers of 84 days": 6, "shoppers ever": 7}
    assert {name: round(np.expm1(of("bread", name, data)), 4) for name in windows} == windows
    assert np.expm1(of("lamp", "shoppers of 7 days", data)) == pytest.approx(2)
    assert of("never", "shoppers ever", data) == 0.0, "who only had it before the eyes did not like it"


def test_a_trend_is_a_window_against_the_usual_of_a_longer_one(data: TrainingData) -> None:
    assert of("bread", "trend of a week", data) == pytest.approx(np.log((1 + 3) / (1 + 5 / 4)))
    assert of("bread", "trend of four weeks", data) == pytest.approx(np.log((1 + 5) / (1 + 6 / 3)))
    assert of("never", "trend of a week", data) == 0.0


def test_an_item_is_as_old_as_its_first_event(data: TrainingData) -> None:
    assert of("bread", "days since the first event", data) == pytest.approx(np.log1p(200))
    assert of("lamp", "days since the first event", data) == pytest.approx(np.log1p(2))


def test_a_price_that_is_not_known_or_nothing_is_no_number(data: TrainingData) -> None:
    assert of("bread", PRICE, data) == pytest.approx(np.log(4))
    assert np.isnan([of("rolls", PRICE, data), of("lamp", PRICE, data)]).all()


def test_who_buys_again_and_how_soon_is_drawn_towards_what_is_usual(data: TrainingData) -> None:
    # Ten pairs of an item and its buyer; the two of rolls were bought again, after 10 days and after 20.
    assert of("rolls", "bought again", data) == pytest.approx((2 + 5 * 0.2) / (2 + 5))
    assert of("bread", "bought again", data) == pytest.approx((0 + 5 * 0.2) / (7 + 5))
    assert of("rolls", GAP, data) == pytest.approx((10 + 20 + 5 * 15) / (2 + 5))
    assert of("bread", GAP, data) == pytest.approx(15)
    assert of("lamp", "share bought", data) == pytest.approx(1 / 3)


def test_what_nobody_bought_again_has_no_usual_gap() -> None:
    once = prepare(
        event_frame([event(f"u:{n}", "bread", NOW - n * DAY) for n in (1, 2)]),
        ITEMS,
        until_us=microseconds(NOW),
        memory=MEMORY,
        min_shoppers=2,
        seed=1,
    )
    assert np.isnan(of("bread", GAP, once))
    assert of("bread", "bought again", once) == 0.0


def test_items_of_one_path_or_brand_are_of_one_group_and_no_two_columns_share_a_number(data: TrainingData) -> None:
    facts = facts_of(data)
    assert facts.group_names == ("category 1", "category 2", "category 3", "brand")
    bread, rolls, lamp, never = facts.groups_of(data.vocabulary.rows(["bread", "rolls", "lamp", "never"])).tolist()
    assert bread[:2] == rolls[:2]
    assert bread[3] == rolls[3] >= 0
    assert bread[2] >= 0 > rolls[2], "rolls have no third part"
    assert (lamp[1:], never[:3]) == ([-1, -1, -1], [-1, -1, -1])
    assert bread[0] != lamp[0]
    used = [{number for number in column.tolist() if number >= 0} for column in facts.groups.T]
    assert sum(len(numbers) for numbers in used) == len(set().union(*used)) == facts.n_groups


def test_a_catalogue_without_categories_and_brands_is_grouped_by_the_same_columns() -> None:
    """A ranker that learned before a shop had its first brand looks at the same features after."""
    bare = item_frame([item("bread", ()), item("rolls", ())])
    data = prepare(
        event_frame(rows()), bare, until_us=microseconds(NOW), memory=MEMORY, min_shoppers=2, seed=1, timeless=False
    )
    facts = facts_of(data)
    assert facts.group_names == facts_of(data_of()).group_names
    assert (facts.groups == -1).all()
    assert facts.n_groups == 0


def test_nothing_from_the_end_on_is_counted(data: TrainingData) -> None:
    later = (event("u:z", "never", NOW), event("u:a", "bread", NOW + DAY, price=999.0))
    one, other = facts_of(data), facts_of(data_of(later))
    np.testing.assert_array_equal(one.numbers, other.numbers)
    np.testing.assert_array_equal(one.groups, other.groups)


def test_where_times_only_order_events_nothing_is_counted_in_windows(data: TrainingData) -> None:
    names = facts_of(data_of(timeless=True)).names
    assert {PRICE, GAP, "shoppers ever", "bought again", "share bought"} == set(names)
    assert set(facts_of(data).names) - set(names) == {
        "shoppers of 7 days",
        "shoppers of 28 days",
        "shoppers of 84 days",
        "trend of a week",
        "trend of four weeks",
        "days since the first event",
    }


def test_a_row_that_came_later_has_no_facts(data: TrainingData) -> None:
    facts = facts_of(data)
    beyond = np.array([len(data.items), len(data.items) + 1_000], np.int32)
    assert np.isnan(facts.numbers_of(beyond)).all()
    assert (facts.groups_of(beyond) == -1).all()


def test_columns_that_do_not_belong_together_are_refused() -> None:
    numbers, groups = np.zeros((3, 2), np.float32), np.zeros((3, 1), np.int32)
    Facts((PRICE, GAP), numbers, ("brand",), groups)
    with pytest.raises(ValueError, match=r"\(3, 2\) numbers of 3 rows"):
        Facts((PRICE,), numbers, ("brand",), groups)
    with pytest.raises(ValueError, match="groups by"):
        Facts((PRICE, GAP), numbers, (), groups)
    with pytest.raises(ValueError, match="of 2 rows"):
        Facts((PRICE, GAP), numbers, ("brand",), groups[:2])


def test_every_fact_is_a_number_or_nothing_at_all(data: TrainingData) -> None:
    assert not np.isinf(facts_of(data).numbers).any()
    assert pl.Series(facts_of(data).names).is_unique().all()
