from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from models.arrays import DAY_US
from models.errors import InputError, TrainingError
from models.placement import Placement, Task, source_of
from store.placements import read_placements
from tests.training.evaluate.shops import CUTOFF, CUTOFF_US, RECIPE
from tests.worlds import NOW, event, event_frame, item, item_frame
from training import processes
from training.evaluate import lists as lists_module
from training.evaluate.asked import Histories, Question
from training.evaluate.held_out import hold_out
from training.evaluate.lists import BLENDED, ENDCAP, POPULAR_EVER, POPULAR_LATELY, RULED, Asking, Lists, Rival, ask
from training.evaluate.table import NEW_ITEMS, NEW_USERS, Options, Table
from training.evaluate.temporal import asked, temporal
from training.progress import Steps
from training.ranking import one_per_task
from training.read import ShopData
from training.trial import Trial, fit_trial

PLACEMENTS = one_per_task(read_placements())
OPTIONS = Options(seed=1)


def all_lists(trial: Trial, task: Task = "personal", **options: int) -> Lists:
    """Everybody's lists, by owner number."""
    placement = replace(PLACEMENTS[task], n=20, known="mask" if task == "new_to_you" else "keep")
    asking = Asking(trial.snapshot, trial.split.past, placement, Histories.of_past(trial.split.past))
    questions = [Question(owner) for owner in range(len(trial.split.past.shoppers))]
    return ask(asking, questions, options.get("processes", 1), lambda _done, _total: None)


def ids_of(trial: Trial, lists: Lists) -> dict[str, list[list[str]]]:
    ids = (*trial.snapshot.vocabulary.ids, "")
    return {name: [[ids[row] for row in one] for one in rows.tolist()] for name, rows in lists.items()}


@pytest.fixture(scope="module")
def table(trial: Trial) -> Table:
    return temporal(trial.snapshot, trial.split, PLACEMENTS, OPTIONS)


def figure(table: Table, model: str, task: str, metric: str = "ndcg@20") -> float:
    return next(r.metrics[metric].value for r in table.rows if (r.model, r.task, r.segment) == (model, task, "all"))


def test_there_is_a_row_for_the_ranking_every_source_its_views_and_both_popularities(
    trial: Trial, table: Table
) -> None:
    expected = {ENDCAP, RULED, POPULAR_EVER, POPULAR_LATELY, *trial.snapshot.sources}
    tasks: dict[str, Task] = {"all": "personal", "new": "new_to_you"}
    for name, task in tasks.items():
        columns = {column for column, quota in PLACEMENTS[task].sources.items() if quota}
        proposing = {column for column in columns if source_of(column) in trial.snapshot.sources}
        found = {row.model for row in table.rows if (row.task, row.segment) == (name, "all")}
        assert found - {BLENDED} == expected | proposing


def test_who_buys_the_same_every_week_is_served_best_by_buy_again(table: Table) -> None:
    assert figure(table, "buy_again", "all") > figure(table, POPULAR_EVER, "all")
    assert figure(table, ENDCAP, "all") > figure(table, POPULAR_EVER, "all")
    pair = table.pair("all", ENDCAP, POPULAR_EVER)
    assert pair is not None
    assert pair.metrics["ndcg@20"].differs


def test_on_new_items_the_own_community_beats_popularity(table: Table) -> None:
    assert figure(table, ENDCAP, "new") > figure(table, POPULAR_EVER, "new")


def test_lists_for_new_items_hold_nothing_that_the_shopper_bought(trial: Trial) -> None:
    past = trial.split.past
    for name, rows in all_lists(trial, "new_to_you").items():
        for owner, one in enumerate(rows):
            known = past.summary.items[past.summary.owners == owner]
            assert not np.isin(one, known).any(), name


def test_lists_are_the_same_whatever_the_number_of_processes(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists_module, "_CHUNK", 7)
    alone, shared = all_lists(trial), all_lists(trial, processes=3)
    assert alone.keys() == shared.keys()
    for name in alone:
        assert (alone[name] == shared[name]).all(), name


def test_a_process_that_is_ended_from_outside_is_told_with_what_to_do(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(processes, "threadpool_limits", die)
    with pytest.raises(TrainingError, match="fewer processes"):
        all_lists(trial, processes=2)


def test_the_row_of_a_source_is_the_list_of_a_placement_with_that_source_alone(trial: Trial) -> None:
    together = all_lists(trial)
    for name in trial.snapshot.sources:
        alone = replace(PLACEMENTS["personal"], n=20, known="keep", sources={name: 300})
        asking = Asking(trial.snapshot, trial.split.past, alone, Histories.of_past(trial.split.past), (name,))
        found = ask(asking, [Question(owner) for owner in range(len(together[name]))], 1, lambda *_: None)
        assert (found[name] == together[name]).all(), name


def test_popularities_count_distinct_shoppers_ever_and_in_the_last_four_weeks(shop: ShopData, trial: Trial) -> None:
    before = shop.events.filter(pl.col("ts") < CUTOFF)
    lately = before.filter(pl.col("ts") >= CUTOFF - timedelta(days=28))
    found = ids_of(trial, all_lists(trial))
    for name, events in ((POPULAR_EVER, before), (POPULAR_LATELY, lately)):
        counts = dict(events.group_by("item_id").agg(pl.col("shopper").n_unique()).iter_rows())
        expected = sorted(counts.values(), reverse=True)[:20]
        assert [counts[it] for it in found[name][0]] == expected


def test_display_rules_are_off_but_for_their_own_row(trial: Trial) -> None:
    capped: dict[Task, Placement] = {
        task: replace(placement, max_per_category=3) for task, placement in PLACEMENTS.items()
    }
    free = {task: replace(placement, max_per_category=None) for task, placement in PLACEMENTS.items()}
    with_cap, without = (temporal(trial.snapshot, trial.split, places, OPTIONS) for places in (capped, free))
    assert figure(with_cap, ENDCAP, "all") == figure(without, ENDCAP, "all")
    assert figure(with_cap, RULED, "all") != figure(without, RULED, "all")


@pytest.mark.parametrize(
    ("models", "rows"),
    [
        (("endcap",), {ENDCAP, RULED}),
        (("popular",), {"popular", POPULAR_EVER, POPULAR_LATELY}),
        (("als", "popular recent"), {"als", POPULAR_LATELY}),
    ],
)
def test_only_the_rows_asked_for_are_measured(
    trial: Trial, table: Table, models: tuple[str, ...], rows: set[str]
) -> None:
    found = temporal(trial.snapshot, trial.split, PLACEMENTS, replace(OPTIONS, models=models))
    assert {row.model for row in found.rows} == rows
    for name in rows:
        assert figure(found, name, "all") == figure(table, name, "all")


def test_a_rival_that_is_the_same_model_has_the_same_figures(trial: Trial) -> None:
    found = temporal(
        trial.snapshot,
        trial.split,
        PLACEMENTS,
        replace(OPTIONS, models=(ENDCAP,), rivals={"champion": Rival(trial.snapshot, trial.split.past)}),
    )
    pair = found.pair("new", ENDCAP, "champion")
    assert pair is not None
    assert pair.metrics["ndcg@20"].p_value == 1.0


def with_a_planted_future(shop: ShopData) -> ShopData:
    """What only the future knows: an item that everybody buys, a price, a rush on an old item, what sells out."""
    shoppers = shop.events["shopper"].unique().sort().to_list()
    rush = [
        event(shopper, it, CUTOFF + timedelta(hours=k), price=99.0, order_id=f"{shopper}/rush")
        for shopper in shoppers
        for k, it in enumerate(("from-the-future", "garden-0"))
    ]
    newcomers = [event(f"u:new-{k}", "kitchen-1", NOW - timedelta(days=1)) for k in range(50)]
    items = shop.items.with_columns(price=pl.lit(99.0), in_stock=pl.col("item_id") != "kitchen-0").vstack(
        item_frame([item("from-the-future", published_at=CUTOFF)])
    )
    events = pl.concat([shop.events, event_frame([*rush, *newcomers])]).sort("shopper", "ts", maintain_order=True)
    return ShopData(events, items, 0)


@pytest.mark.parametrize("task", ["personal", "new_to_you"])
def test_nothing_from_the_cutoff_on_changes_a_list(shop: ShopData, trial: Trial, task: Task) -> None:
    planted = fit_trial(with_a_planted_future(shop), RECIPE, read_placements(), CUTOFF_US, Steps())
    found = ids_of(planted, all_lists(planted, task))
    for name, rows in ids_of(trial, all_lists(trial, task)).items():
        assert found[name] == rows, name


def test_what_only_the_future_knows_is_a_miss(shop: ShopData, trial: Trial) -> None:
    planted = with_a_planted_future(shop)
    table = temporal(trial.snapshot, hold_out(planted, trial.split.past, 28), PLACEMENTS, OPTIONS)
    without = temporal(trial.snapshot, trial.split, PLACEMENTS, OPTIONS)
    assert figure(table, ENDCAP, "all", "recall@20") < figure(without, ENDCAP, "all", "recall@20")


def test_who_had_no_event_before_the_cutoff_is_asked_as_a_stranger_in_rows_of_their_own(
    shop: ShopData, trial: Trial
) -> None:
    split = hold_out(with_a_planted_future(shop), trial.split.past, 28)
    table = temporal(trial.snapshot, split, PLACEMENTS, OPTIONS)
    rows = {row.model: row for row in table.rows if row.segment == NEW_USERS}
    assert {(row.task, row.n_shoppers) for row in rows.values()} == {("all", 50)}
    assert rows.keys() == {row.model for row in table.rows if (row.task, row.segment) == ("all", "all")}
    # All of them came for one old item: it is in a list for strangers, or it is not.
    assert {row.metrics["recall@20"].value for row in rows.values()} <= {0.0, 1.0}
    assert rows["buy_again"].metrics["recall@20"].value == rows["popular"].metrics["recall@20"].value
    known = temporal(trial.snapshot, hold_out(shop, trial.split.past, 28), PLACEMENTS, OPTIONS)
    assert not [row for row in known.rows if row.segment == NEW_USERS]


def test_new_items_are_held_against_themselves_alone(shop: ShopData, trial: Trial) -> None:
    split = hold_out(with_a_planted_future(shop), trial.split.past, 28)
    table = temporal(trial.snapshot, split, PLACEMENTS, replace(OPTIONS, models=(ENDCAP,)))
    rows = [row for row in table.rows if row.segment == NEW_ITEMS]
    assert {(row.task, row.n_shoppers) for row in rows} == {("all", 40), ("new", 40)}
    assert {row.metrics["recall@20"].value for row in rows} == {0.0}, "nobody can know an item of the future"


def test_shoppers_with_few_items_are_cold(trial: Trial) -> None:
    table = temporal(trial.snapshot, trial.split, PLACEMENTS, replace(OPTIONS, models=(ENDCAP,)))
    found = asked(trial.split, "keep")
    assert found is not None
    n_cold = int((found.n_known < 10).sum())
    counts = {row.segment: row.n_shoppers for row in table.rows if (row.task, row.model) == ("all", ENDCAP)}
    expected = {"all": 40, "cold": n_cold, "warm": 40 - n_cold}
    assert counts == {segment: count for segment, count in expected.items() if count}


def test_progress_tells_how_many_were_asked(trial: Trial) -> None:
    told: list[tuple[str, int, int]] = []
    record: Callable[[str, int, int], None] = lambda *said: told.append(said)  # noqa: E731 - one line says it
    temporal(trial.snapshot, trial.split, PLACEMENTS, replace(OPTIONS, models=(ENDCAP,), progress=record))
    assert [said for said in told if said[1] == said[2]] == [("all", 40, 40), ("new", told[-1][2], told[-1][2])]


def test_a_horizon_in_which_only_strangers_buy_is_refused(shop: ShopData, trial: Trial) -> None:
    before = shop.events.filter(pl.col("ts").dt.timestamp("us") < CUTOFF_US)
    stranger = event_frame([event("u:stranger", "garden-1", CUTOFF)])
    only = replace(shop, events=pl.concat([before, stranger]).sort("shopper", "ts", maintain_order=True))
    with pytest.raises(InputError, match="choose another --cutoff"):
        temporal(trial.snapshot, hold_out(only, trial.split.past, 28), PLACEMENTS, OPTIONS)


def test_a_table_says_where_it_was_cut(table: Table) -> None:
    assert (table.cutoff_us, table.horizon_days) == (CUTOFF_US, 28.0)
    assert int(NOW.timestamp() * 1e6) == CUTOFF_US + 28 * DAY_US
