"""A ranker learns what a blend of sources cannot say, from days that the sources have not seen, and only there."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import get_args

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from scipy.stats import rankdata

from models.arrays import DAY_US
from models.context import Context
from models.errors import InputError, TrainingError
from models.features import Features
from models.learned import LearnedRanker
from models.placement import Task
from models.rank import Blend
from models.recommend import recommend
from tests.training.tastes import (
    CUTOFF,
    CUTOFF_US,
    FRESH,
    HORIZON_DAYS,
    Taste,
    kind_of,
    lists_of,
    of_own_kind,
    recipe,
    shop_of,
    trial_of,
)
from tests.worlds import event, event_frame
from training.evaluate.asked import Histories
from training.examples import answered
from training.fitting import fit_sources, lay_out
from training.progress import Steps
from training.rank.examples import Lesson, RankExamples, rank_examples
from training.ranking import _Fitting, _lessons, rankers_of
from training.read import ShopData
from training.trial import Trial

HORIZON_US = HORIZON_DAYS * DAY_US


@pytest.fixture(scope="module")
def priced() -> tuple[ShopData, Trial]:
    shop = shop_of("price")
    return shop, trial_of(shop, recipe())


@pytest.mark.parametrize("taste", ["price", "category", "brand"])
def test_a_ranker_knows_who_buys_what_where_no_source_does(taste: Taste) -> None:
    shop = shop_of(taste)
    trial = trial_of(shop, recipe())
    assert trial.tasks["new_to_you"].ranker is not None
    assert of_own_kind(shop, trial.snapshot, "learned") > 0.95
    assert 0.3 < of_own_kind(shop, trial.snapshot, "blend") < 0.7


def test_what_the_trees_gained_from_is_what_decides(priced: tuple[ShopData, Trial]) -> None:
    fitted = priced[1].tasks["new_to_you"].ranker
    assert fitted is not None
    assert max(fitted.gains, key=lambda name: fitted.gains[name]) == "price to usual"


def test_a_placement_with_fewer_sources_is_ranked_by_the_same_ranker_as_sensibly(
    priced: tuple[ShopData, Trial],
) -> None:
    shop, trial = priced
    for fewer in ({"popular": 100, "popular@shopper": 0}, {"popular@last": 100, "popular@shopper": 0}):
        assert of_own_kind(shop, trial.snapshot, "learned", fewer) > 0.95


def test_a_task_with_too_little_to_learn_from_is_ranked_by_its_blend(priced: tuple[ShopData, Trial]) -> None:
    shop, _ = priced
    trial = trial_of(shop, recipe(min_right=10_000))
    assert trial.tasks["new_to_you"].ranker is None
    assert isinstance(trial.snapshot.rankers["new_to_you"], Blend)


def test_a_task_that_had_nothing_to_learn_from_is_ranked_by_a_blend_and_never_by_anothers_ranker(
    priced: tuple[ShopData, Trial],
) -> None:
    rankers = rankers_of(priced[1].tasks)
    assert set(rankers) == set(get_args(Task))
    assert {task for task, ranker in rankers.items() if isinstance(ranker, LearnedRanker)} == {"new_to_you"}


def test_rankings_learn_from_the_horizons_before_the_cutoff_and_refitted_from_one_later(
    priced: tuple[ShopData, Trial],
) -> None:
    shop, of_one_horizon = priced
    chosen = recipe(horizons=3)
    trial = trial_of(shop, chosen)
    assert [one.sources.data.until_us for one in trial.learnings] == [
        CUTOFF_US - 2 * HORIZON_US,
        CUTOFF_US - HORIZON_US,
    ]
    assert all(one.stage.past is one.sources.data for one in trial.learnings)
    before = trial.tasks["new_to_you"].ranker
    again = trial.refit_tasks(chosen, {FRESH.name: FRESH}, Steps())["new_to_you"].ranker
    assert before is not None
    assert again is not None
    one_horizon = of_one_horizon.tasks["new_to_you"].ranker
    assert one_horizon is not None
    assert again.n_right > before.n_right > one_horizon.n_right
    assert before.calibration_error is None
    assert again.calibration_error is not None
    assert again.trees.text != before.trees.text


def test_each_horizon_gives_an_equal_share_and_is_looked_at_with_what_was_known_then(
    priced: tuple[ShopData, Trial],
) -> None:
    chosen = recipe(horizons=3, max_requests={"new_to_you": 201})
    trial = trial_of(priced[0], chosen)
    snapshots = [one.sources.snapshot({}) for one in trial.learnings]
    shared = _Fitting(list(zip(snapshots, trial.learnings, strict=True)), chosen, {}, 1)
    newest = trial.learnings[-1].stage.asked(FRESH, snapshots[-1])
    columns = tuple(FRESH.sources)
    lessons = _lessons(shared, FRESH, columns, newest, [])
    assert [lesson.n_requests for lesson in lessons] == [100, 100]
    assert [lesson.features.columns for lesson in lessons] == [columns, columns]
    for lesson, learning in zip(lessons, trial.learnings, strict=True):
        assert lesson.features.facts is learning.sources.facts, "later facts have counted what is to be foreseen"
        found = list(lesson.found)
        assert len(found) == 100
        assert {one.context.now_us for one in found} == {learning.sources.data.until_us}
    at_hand = _lessons(shared, FRESH, columns, newest, found)[-1]
    assert at_hand.found == found
    assert at_hand.features.facts is trial.learnings[-1].sources.facts


def test_a_shop_too_young_for_all_horizons_is_told_so_and_learns_from_those_that_it_has() -> None:
    shop = shop_of("price")
    young = replace(shop, events=shop.events.filter(pl.col("ts") >= CUTOFF - timedelta(days=20)))
    said = StringIO()
    trial = trial_of(young, recipe(horizons=4), steps=Steps(Console(file=said, width=400)))
    assert len(trial.learnings) == 1
    assert "WARN rankings learn from 2 of 4 horizons: no event lies before the cutoff" in said.getvalue()
    assert trial.tasks["new_to_you"].ranker is not None


def test_the_same_shop_and_seed_teach_the_same_ranker(priced: tuple[ShopData, Trial]) -> None:
    rankers = [trial.tasks["new_to_you"].ranker for trial in (priced[1], trial_of(priced[0], recipe()))]
    one, other = (fitted for fitted in rankers if fitted is not None)
    assert one.trees.text == other.trees.text
    features = np.random.default_rng(1).normal(size=(50, len(one.trees.names))).astype(np.float32)
    np.testing.assert_array_equal(one.ranker.form(features), other.ranker.form(features))


def share_of_dear(shop: ShopData, trial: Trial) -> float:
    """Return which part of everybody's list is of the dear kind."""
    lists = lists_of(shop, trial.snapshot, FRESH)
    return float(np.mean([kind_of(trial.snapshot.vocabulary.ids[row]) for rows in lists for row in rows]))


def test_of_items_that_are_as_likely_revenue_shows_the_dear_ones() -> None:
    shop = shop_of("none")
    assert 0.1 < share_of_dear(shop, trial_of(shop, recipe())) < 0.9
    assert share_of_dear(shop, trial_of(shop, recipe(objective="revenue"))) > 0.99


# A leak from the future, and how it would be seen.


def learned_from(shop: ShopData, trial: Trial, *, seen_until_us: int | None = None) -> RankExamples:
    """Return what the trial's ranker learned from; with histories that go on, if asked, past what it may know."""
    learning = trial.learnings[-1]
    snapshot, past = learning.sources.snapshot({}), learning.stage.past
    asked = learning.stage.asked(FRESH, snapshot)
    if seen_until_us is not None:
        past = lay_out(shop, recipe(), seen_until_us)
        assert past.vocabulary.ids == snapshot.vocabulary.ids
        assert past.shoppers == learning.stage.past.shoppers
        asked = replace(asked, histories=Histories.of_past(past))
    unmasked = replace(FRESH, known="keep")
    found = list(answered(unmasked, snapshot, past, asked, 1_000, seed=3))
    features = Features(tuple(FRESH.sources), learning.sources.facts)
    settings = recipe(missing_sources=0.0).ranker
    lesson = Lesson(found, len(found), features)
    return rank_examples([lesson], trial.tasks["new_to_you"].blend.blend, settings, seed=3)


def test_questions_are_gathered_alike_by_one_process_and_by_two() -> None:
    shop = shop_of("none")
    learning = trial_of(shop, recipe()).learnings[-1]
    snapshot, past = learning.sources.snapshot({}), learning.stage.past
    asked = learning.stage.asked(FRESH, snapshot)
    alone, together = (list(answered(FRESH, snapshot, past, asked, 150, 3, processes)) for processes in (1, 2))
    assert len(alone) == len(together) == 150
    assert any(one.labels.any() for one in alone)
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.context.interactions.items, other.context.interactions.items)
        assert np.array_equal(one.candidates.rows, other.candidates.rows)
        assert np.array_equal(one.candidates.scores, other.candidates.scores, equal_nan=True)
        assert np.array_equal(one.labels, other.labels)
        assert np.array_equal(one.values, other.values)


def telling_all(examples: RankExamples) -> set[str]:
    """Name the features that alone tell nearly all right answers from wrong ones: no honest one ever does."""
    labels, found = examples.labels, set()
    for name, column in zip(examples.names, examples.features.T, strict=True):
        # What is not known is either the least or the most.
        for values in (np.nan_to_num(column, nan=-99.0), -np.nan_to_num(column, nan=99.0)):
            ranks = rankdata(values)
            area = (ranks[labels].sum() - labels.sum() * (labels.sum() + 1) / 2) / labels.sum() / (~labels).sum()
            if max(area, 1 - area) > 0.97:
                found.add(name)
    return found


def with_glances(shop: ShopData, trial: Trial) -> ShopData:
    """Plant a leak: whatever is bought in the horizon that teaches is looked at two minutes before, many times."""
    until = pl.lit(trial.learnings[-1].sources.data.until_us)
    ts_us = pl.col("ts").dt.timestamp("us")
    bought = shop.events.filter((ts_us >= until) & (ts_us < CUTOFF_US))
    glances = [
        event(shopper, item_id, max(ts - timedelta(minutes=2 + k), CUTOFF - timedelta(days=14)), "view", price=None)
        for shopper, item_id, ts in bought.select("shopper", "item_id", "ts").iter_rows()
        for k in range(3)
    ]
    events = pl.concat([shop.events, event_frame(glances)]).sort("shopper", "ts", maintain_order=True)
    return replace(shop, events=events)


def test_a_leak_from_the_future_is_planted_and_reaches_no_feature_no_fact_and_no_label(
    priced: tuple[ShopData, Trial],
) -> None:
    shop, trial = priced
    leaky_shop = with_glances(shop, trial)
    leaky = trial_of(leaky_shop, recipe())
    honest, planted = learned_from(shop, trial), learned_from(leaky_shop, leaky)
    np.testing.assert_array_equal(honest.features, planted.features)
    np.testing.assert_array_equal(honest.labels, planted.labels)
    for one, other in zip(trial.learnings, leaky.learnings, strict=True):
        np.testing.assert_array_equal(one.sources.facts.numbers, other.sources.facts.numbers)
    assert telling_all(planted) == set()


def test_a_leak_would_be_seen(priced: tuple[ShopData, Trial]) -> None:
    """The check above is worth something: histories that go on into the horizon give the answers away."""
    shop, trial = priced
    leaky_shop = with_glances(shop, trial)
    assert "own days since" in telling_all(learned_from(leaky_shop, trial, seen_until_us=CUTOFF_US))


def test_what_comes_after_the_cutoff_changes_no_ranking(priced: tuple[ShopData, Trial]) -> None:
    shop, trial = priced
    later = pl.col("ts") >= CUTOFF
    otherwise = shop.events.with_columns(
        item_id=pl.when(later).then(pl.lit("i1")).otherwise(pl.col("item_id")),
        price=pl.when(later).then(pl.lit(777.0)).otherwise(pl.col("price")),
    )
    dearer = shop.items.with_columns(price=pl.col("price") * 9)
    other = trial_of(replace(shop, events=otherwise, items=dearer), recipe())
    one, two = (each.tasks["new_to_you"].ranker for each in (trial, other))
    assert one is not None
    assert two is not None
    assert one.trees.text == two.trees.text
    np.testing.assert_array_equal(trial.sources.facts.numbers, other.sources.facts.numbers)


# Shops in which something is missing.


def test_a_shop_in_which_nobody_comes_back_is_refused_with_what_to_do() -> None:
    shop = shop_of("price")
    once = shop.events.with_columns(shopper=pl.format("u:{}", pl.int_range(pl.len())))
    with pytest.raises((TrainingError, InputError), match=r"no ranking can be learned.*horizon_days"):
        trial_of(replace(shop, events=once), recipe())


def test_a_shop_in_which_nothing_says_who_buys_what_keeps_its_blend() -> None:
    shop = shop_of("price")
    nothing = {name: pl.lit(None, dtype) for name, dtype in (("category", pl.List(pl.String)), ("brand", pl.String))}
    bare = ShopData(
        shop.events.with_columns(price=pl.lit(None, pl.Float64)),
        shop.items.with_columns(price=pl.lit(None, pl.Float64), **nothing),
        0,
    )
    trial = trial_of(bare, recipe())
    assert trial.tasks["new_to_you"].ranker is None
    assert all(len(rows) == FRESH.n for rows in lists_of(bare, trial.snapshot, FRESH))


def test_a_shop_gets_its_first_brand_and_rankings_move_forward_with_it() -> None:
    shop = shop_of("brand")
    later = shop.events.filter(pl.col("ts") >= CUTOFF)["item_id"].unique().implode()
    branded = replace(
        shop,
        items=shop.items.with_columns(brand=pl.lit(None, pl.String)),
    )
    trial = trial_of(branded, recipe())
    tasks = trial.refit_tasks(recipe(), {FRESH.name: FRESH}, Steps())
    newest = shop.items.with_columns(
        brand=pl.when(pl.col("item_id").is_in(later)).then(pl.col("brand")).otherwise(None)
    )
    sources = fit_sources(lay_out(replace(shop, items=newest), recipe(), CUTOFF_US), recipe(), Steps())
    snapshot = sources.snapshot(rankers_of(tasks))
    assert len(recommend(Context(CUTOFF_US), snapshot, FRESH).rows) == FRESH.n
