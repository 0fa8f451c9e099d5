"""Cleaning as a whole: nothing later decides, twice is as once, and the order of the rows does not matter."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from models.errors import ConfigurationError, TrainingError
from tests.training.cleaning.shops import STRICT, as_set, shop_of, shops
from tests.worlds import NOW, event, item, microseconds
from training.cleaning.run import Cleaning, clean, clean_before
from training.config import Recipe, recipe_of
from training.evaluate.held_out import hold_out, known_before
from training.fitting import lay_out
from training.read import ShopData

OFF = Cleaning.model_validate({step.name: {"on": False} for step in Cleaning().steps()})
DAY = timedelta(days=1)


def cleaned_or_nothing(shop: ShopData, cleaning: Cleaning, **more: bool) -> pl.DataFrame:
    """The events that are left, also where none is."""
    try:
        return clean(shop, cleaning, **more)[0].events
    except TrainingError:
        return shop.events.clear()


@given(shops())
def test_cleaning_again_changes_nothing(shop: ShopData) -> None:
    once = cleaned_or_nothing(shop, STRICT)
    assert_frame_equal(cleaned_or_nothing(replace(shop, events=once), STRICT), once)


@given(shops(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(shop: ShopData, chance: Random) -> None:
    order = list(range(len(shop.events)))
    chance.shuffle(order)
    shuffled = replace(shop, events=shop.events[order].sort("shopper", "ts", maintain_order=True))
    assert as_set(cleaned_or_nothing(shuffled, STRICT)) == as_set(cleaned_or_nothing(shop, STRICT))


@given(shops())
def test_what_is_turned_off_changes_nothing(shop: ShopData) -> None:
    left, report = clean(shop, OFF)
    assert_frame_equal(left.events, shop.events)
    assert report.counts() == {}


@given(shops())
def test_what_stays_stays_as_it_was_and_where_it_was_but_for_its_price(shop: ShopData) -> None:
    left = cleaned_or_nothing(shop, STRICT)
    rows = iter(shop.events.drop("price").rows())
    assert all(row in rows for row in left.drop("price").rows()), "a subsequence"


@given(shops())
def test_the_counts_say_how_many_are_gone(shop: ShopData) -> None:
    try:
        left, report = clean(shop, STRICT)
    except TrainingError:
        return
    assert sum(found.n_events for found in report.removed) == len(shop.events) - len(left.events)


@given(shops(), st.integers(0, 2 * 86400))
def test_cut_anywhere_what_comes_later_decides_nothing(shop: ShopData, seconds_ago: int) -> None:
    cutoff = NOW - timedelta(seconds=seconds_ago)
    known = replace(shop, events=shop.events.filter(pl.col("ts") < cutoff))
    try:
        left, report = clean_before(shop, STRICT, microseconds(cutoff))
    except TrainingError:
        return
    alone, alone_report = clean(known, STRICT)
    assert_frame_equal(left.events, alone.events)
    assert report == alone_report


# ---- what a fit sees


def recipe(cleaning: Cleaning = Cleaning()) -> Recipe:  # noqa: B008 - frozen
    return Recipe(min_shoppers=1, cleaning=cleaning)


def seen_by_a_fit(shop: ShopData, cutoff: datetime) -> list[str]:
    data = lay_out(known_before(shop, microseconds(cutoff)), recipe(), microseconds(cutoff))
    return sorted(data.vocabulary.ids[row] for row in data.events.items)


def test_a_refund_after_the_cutoff_takes_nothing_from_the_past_and_one_before_it_does() -> None:
    shop = shop_of(
        [
            event("u:a", "tea", NOW - 3 * DAY),
            event("u:a", "rice", NOW - 3 * DAY),
            event("u:a", "tea", NOW + DAY, "refund", order_id=None),
            event("u:a", "salt", NOW + DAY),
        ]
    )
    assert seen_by_a_fit(shop, NOW) == ["rice", "tea"]
    assert seen_by_a_fit(shop, NOW + 2 * DAY) == ["rice", "salt"]


def test_a_target_that_was_taken_back_within_the_horizon_does_not_count_and_a_repeated_line_is_one() -> None:
    shop = shop_of(
        [
            event("u:a", "tea", NOW - 3 * DAY),
            event("u:a", "lamp", NOW + DAY),
            event("u:a", "lamp", NOW + 2 * DAY, "refund", order_id=None),
            *(event("u:a", "salt", NOW + DAY, order_id="o1") for _ in range(2)),
        ]
    )
    past = lay_out(known_before(shop, microseconds(NOW)), recipe(), microseconds(NOW))
    held_out = hold_out(shop, past, 28).held_out
    assert {held_out.vocabulary.ids[row] for row in held_out.rows} == {"salt"}


def test_who_becomes_a_robot_after_the_cutoff_is_a_shopper_before_it() -> None:
    crawled = [event("u:a", f"i{k}", NOW + timedelta(seconds=3 * k), "view") for k in range(900)]
    shop = shop_of([event("u:a", "tea", NOW - DAY, "view"), event("u:b", "tea", NOW - DAY), *crawled])
    assert seen_by_a_fit(shop, NOW) == ["tea", "tea"]
    assert seen_by_a_fit(shop, NOW + DAY) == ["tea"]


def test_a_robot_of_the_past_is_asked_about_as_somebody_unknown() -> None:
    """Whom a recipe cleans away does not change who is measured."""
    crawled = [event("u:robot", f"i{k}", NOW - DAY + timedelta(seconds=3 * k), "view") for k in range(900)]
    shop = shop_of([*crawled, event("u:b", "tea", NOW - DAY), event("u:robot", "tea", NOW + DAY)])
    splits = [
        hold_out(shop, lay_out(known_before(shop, microseconds(NOW)), recipe(cleaning), microseconds(NOW)), 28)
        for cleaning in (Cleaning(), OFF)
    ]
    assert [split.past.shoppers for split in splits] == [("u:b",), ("u:b", "u:robot")]
    assert [split.seen_before().tolist() for split in splits] == [[True], [True]]


def test_a_price_that_becomes_usual_after_the_cutoff_is_odd_before_it() -> None:
    before = [event(f"u:{k}", "tea", NOW - DAY, price=1.0) for k in range(8)]
    after = [event(f"u:{k}", "tea", NOW + DAY, price=90.0) for k in range(20)]
    shop = shop_of([*before, event("u:9", "tea", NOW - DAY, price=90.0), *after])
    early, _ = clean_before(shop, Cleaning(), microseconds(NOW))
    assert 90.0 not in early.events["price"].to_list()


def test_where_times_only_order_events_nothing_is_a_matter_of_seconds() -> None:
    steps = [event("u:a", f"i{k}", NOW - timedelta(seconds=900 - k), "view") for k in range(900)]
    shop = shop_of([*steps, event("u:a", "i899", NOW, "view")])
    assert len(clean(shop, Cleaning(), timeless=True)[0].events) == 901
    with pytest.raises(TrainingError, match=r"leaves none of 901 events"):
        clean(shop, Cleaning())


# ---- settings and refusals


def test_cleaning_that_leaves_nothing_names_the_step_and_how_to_turn_it_off() -> None:
    shop = shop_of([event("u:a", "fuel", NOW - DAY)], [item("fuel", recommendable=False)])
    with pytest.raises(
        TrainingError, match=r"none of 1 events\. no_products: .* `on = false` under \[cleaning\.no_pro"
    ):
        clean(shop, Cleaning())


def test_a_shop_without_events_is_left_to_those_who_read_and_check() -> None:
    assert (
        len(clean(replace(shop_of([event("u:a", "tea", NOW)]), events=shop_of([]).events), Cleaning())[0].events) == 0
    )


def test_a_step_that_removes_much_is_told_with_how_to_turn_it_off() -> None:
    shop = shop_of([event("u:a", it, NOW - DAY) for it in ("tea", "fuel")], [item("fuel", recommendable=False)])
    _, report = clean(shop, Cleaning())
    (warning,) = report.warnings(Cleaning())
    assert warning.startswith("cleaning.no_products removes 50.0% of the events")
    assert "`on = false` under [cleaning.no_products]" in warning
    assert report.warnings(Cleaning(warn_share=0.5)) == ()


def test_a_step_and_its_thresholds_are_set_in_the_training_file() -> None:
    recipe = recipe_of({"cleaning": {"repeats": {"on": False}, "robots": {"items_a_day": 9}}}, "train.toml")
    assert not recipe.cleaning.repeats.on
    assert recipe.cleaning.robots.items_a_day == 9
    with pytest.raises(ConfigurationError, match=r"no key cleaning\.robots\.items_a_dy; did you mean 'items_a_day'"):
        recipe_of({"cleaning": {"robots": {"items_a_dy": 9}}}, "train.toml")


def test_every_step_has_the_name_of_its_table() -> None:
    assert [step.name for step in Cleaning().steps()] == [
        name for name in Cleaning.model_fields if name != "warn_share"
    ]
