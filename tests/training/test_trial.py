"""A trial stands at its cutoff: nothing later reaches a fit, and every window is one horizon long."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from models.errors import InputError, TrainingError
from models.index import Index
from models.placement import Task
from models.rank import Blend
from store.placements import read_placements
from tests.shops import FEW_SOURCES, HORIZON_DAYS, RECIPE, changed, corner_shop
from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.config import Recipe
from training.progress import Steps
from training.ranking import FittedTask, one_per_task, rankers_of
from training.read import ShopData
from training.trial import Trial, fit_trial

CUTOFF = NOW - timedelta(days=HORIZON_DAYS)


def trial_of(shop: ShopData, recipe: Recipe = RECIPE) -> Trial:
    return fit_trial(shop, recipe, read_placements(), microseconds(CUTOFF), Steps())


@pytest.fixture(scope="module")
def trial() -> Trial:
    return trial_of(corner_shop())


def learned(trial: Trial) -> dict[str, Any]:
    """All that a trial learned, as plain values."""
    found: dict[str, Any] = {}
    for name, source in trial.sources.learned.items():
        index: Index | None = source.index
        arrays = {**source.arrays, **({} if index is None else {"index": index.vectors})}
        found |= {f"{name}/{array}": np.asarray(values).tolist() for array, values in arrays.items()}
    for task, fitted in trial.tasks.items():
        found[task] = told(fitted.blend.blend)
    return found


def told(blend: Blend) -> list[Any]:
    return [
        (part.bias, {name: (c.weight, c.missing, c.log_odds.tolist()) for name, c in part.calibrations.items()})
        for part in (blend.bought, blend.fresh)
    ]


def test_nothing_after_the_cutoff_reaches_a_fit(trial: Trial) -> None:
    later = pl.col("ts") >= CUTOFF

    def otherwise(events: pl.DataFrame) -> pl.DataFrame:
        changes = {"item_id": pl.lit("garden-1"), "price": pl.lit(999.0), "event_type": pl.lit("purchase")}
        return events.with_columns(**{k: pl.when(later).then(v).otherwise(pl.col(k)) for k, v in changes.items()})

    shop = changed(corner_shop(), otherwise)
    unheard = item("unheard-of", published_at=CUTOFF + timedelta(days=1))
    shop = ShopData(shop.events, pl.concat([shop.items, item_frame([unheard])]), 0)
    assert learned(trial_of(shop)) == learned(trial)


def test_sources_end_at_the_cutoff_and_what_is_measured_lies_one_horizon_after_it(trial: Trial) -> None:
    assert trial.sources.data.until_us == trial.split.past.until_us == microseconds(CUTOFF)
    assert trial.snapshot.data_until_us == microseconds(CUTOFF)
    assert trial.split.held_out.until_us == microseconds(NOW)


def test_rankings_are_fitted_again_on_the_days_that_judged_them(trial: Trial) -> None:
    again = trial.refit_tasks(RECIPE, read_placements(), Steps())
    assert set(again) == set(trial.tasks)
    assert all(fitted.calibration_error is None for fitted in trial.tasks.values())
    for task, fitted in again.items():
        assert 0 <= (fitted.calibration_error or 0) < 0.3, task
        assert told(fitted.blend.blend) != told(trial.tasks[task].blend.blend)


def test_the_same_trial_learns_the_same(trial: Trial) -> None:
    assert learned(trial_of(corner_shop())) == learned(trial)


def test_every_task_is_ranked_also_one_that_had_nothing_to_learn_from(trial: Trial) -> None:
    assert set(rankers_of(trial.tasks)) == set(one_per_task(read_placements()))
    only: dict[Task, FittedTask] = {"personal": trial.tasks["personal"]}
    blend = trial.tasks["personal"].blend.blend
    assert all(ranker is blend for ranker in rankers_of(only).values())


def test_a_task_is_fitted_for_the_placement_that_asks_the_most_sources() -> None:
    chosen = one_per_task(read_placements())
    assert chosen["personal"].name == "home"
    assert {placement.task for placement in chosen.values()} == set(chosen)


def test_a_shop_where_nobody_bought_anything_lately_is_refused_before_anything_is_fitted() -> None:
    shop = changed(corner_shop(), lambda events: events.filter(pl.col("ts") < CUTOFF - timedelta(days=1)))
    with pytest.raises(InputError, match="nothing that can be recommended was bought from"):
        trial_of(shop)


def test_a_shop_whose_shoppers_all_change_has_no_ranking_to_learn() -> None:
    """Everybody buys once, an item that nobody buys again: no candidate of the past is ever right."""
    rows = [
        event(f"u:{number}", f"i{number}-{k}", NOW - timedelta(days=number, hours=k))
        for number in range(60)
        for k in range(2)
    ]
    items = item_frame(item(f"i{number}-{k}") for number in range(60) for k in range(2))
    recipe = FEW_SOURCES.model_copy(update={"min_shoppers": 1})
    with pytest.raises((TrainingError, InputError), match=r"no ranking can be learned|nothing"):
        trial_of(ShopData(event_frame(rows), items, 0), recipe)
