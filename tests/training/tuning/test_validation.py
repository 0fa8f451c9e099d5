"""Tuning sees the days before the test, and nothing of the test."""

from datetime import timedelta
from typing import Any

import optuna
import polars as pl
import pytest

from models.errors import InputError
from store.placements import read_placements
from tests.shops import FEW_SOURCES, HORIZON_DAYS, changed, corner_shop
from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.evaluate.protocols import Given
from training.evaluate.table import Options
from training.read import ShopData
from training.tuning.run import configuration_of
from training.tuning.space import space_of
from training.tuning.trials import BASE, Bench
from training.tuning.validation import before_the_test

CUTOFF = NOW - timedelta(days=HORIZON_DAYS)


def given(shop: ShopData, **more: Any) -> Given:  # noqa: ANN401 - fields of several types
    return Given(shop, microseconds(NOW), usual_days=HORIZON_DAYS, **more)


def bench_of(shop: ShopData, protocol: str) -> Bench:
    """All that a study is made from."""
    validation = before_the_test((protocol,), given(shop), FEW_SOURCES)
    return Bench(FEW_SOURCES, space_of(FEW_SOURCES), validation, (protocol,), read_placements(), Options(1))


@pytest.mark.parametrize("protocol", ["temporal", "basket"])
def test_another_test_window_changes_nothing_that_a_study_sees(protocol: str) -> None:
    later = pl.col("ts") >= CUTOFF

    def otherwise(events: pl.DataFrame) -> pl.DataFrame:
        changes = {"item_id": pl.lit("garden-1"), "price": pl.lit(999.0), "shopper": pl.lit("u:garden-0")}
        return events.with_columns(**{k: pl.when(later).then(v).otherwise(pl.col(k)) for k, v in changes.items()}).sort(
            "shopper", "ts", maintain_order=True
        )

    planted = changed(corner_shop(), otherwise)
    unheard = item_frame([item("unheard-of", published_at=CUTOFF + timedelta(days=1))])
    planted = ShopData(planted.events, pl.concat([planted.items, unheard]), 0)
    one, other = bench_of(corner_shop(), protocol), bench_of(planted, protocol)
    assert configuration_of(one) == configuration_of(other)
    assert one.given.shop.events.equals(other.given.shop.events)
    assert one.given.shop.items.equals(other.given.shop.items)
    assert one.given.until_us == other.given.until_us


def test_the_days_that_are_tuned_on_end_where_the_test_begins() -> None:
    for cutoff_us in (None, microseconds(CUTOFF)):
        found = before_the_test(("temporal",), given(corner_shop(), cutoff_us=cutoff_us), FEW_SOURCES)
        assert found.until_us == microseconds(CUTOFF)
        assert found.shop.events["ts"].max() < CUTOFF  # type: ignore[operator] # a time
        assert found.cutoff_us is None


def test_leave_one_out_loses_the_last_item_of_each_shopper() -> None:
    rows = [
        event(shopper, f"i{number}", NOW - timedelta(days=9 - place))
        for shopper, order in (("u:a", (0, 1, 2, 3)), ("u:b", (3, 2, 1, 3)))
        for place, number in enumerate(order)
    ]
    shop = ShopData(event_frame(rows), item_frame(item(f"i{number}") for number in range(4)), 0)
    found = before_the_test(("leave-one-out",), given(shop), FEW_SOURCES).shop.events
    # The last item of b is the one that came last for the first time.
    assert found.filter(pl.col("shopper") == "u:a")["item_id"].to_list() == ["i0", "i1", "i2"]
    assert found.filter(pl.col("shopper") == "u:b")["item_id"].to_list() == ["i3", "i2", "i3"]


def test_a_test_in_a_file_of_its_own_is_left_alone() -> None:
    shop = corner_shop()
    both = given(shop, test=changed(shop, lambda events: events.head(10)))
    found = before_the_test(("next-item",), both, FEW_SOURCES)
    assert (found.test, found.shop) == (None, shop)
    assert found.until_us == shop.events["ts"].dt.timestamp("us").max() + 1  # type: ignore[operator] # a number


def test_a_protocol_without_validation_says_what_to_do() -> None:
    with pytest.raises(InputError, match="fixed-split has no validation of its own: tune with another --protocol"):
        before_the_test(("fixed-split",), given(corner_shop()), FEW_SOURCES)


def test_a_bench_measures_a_recipe_and_forgets_what_others_learned() -> None:
    shop = corner_shop()
    recipe = FEW_SOURCES.model_copy(update={"sources": {"item_knn": {}, "popular": {}}})
    validation = before_the_test(("temporal",), given(shop), recipe)
    bench = Bench(recipe, space_of(recipe, ("popular",)), validation, ("temporal",), read_placements(), Options(1))
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial(bench.values(), user_attrs={BASE: True})
    first = bench(study.ask())
    stages = bench._stages_of(recipe)
    kept = set(stages.testing.past.worked_out)
    assert {key[1] for key in kept if isinstance(key, tuple) and key[0] == "learned"} == {"item_knn", "popular"}
    study.enqueue_trial({"sources.popular.half_life_days": 3.0})
    assert bench(study.ask()) > 0
    assert set(stages.testing.past.worked_out) == kept
    study.enqueue_trial(bench.values(), user_attrs={BASE: True})
    assert bench(study.ask()) == first
