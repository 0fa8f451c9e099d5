"""The figures of a report are those of the evaluation, and what else it counts is what was there."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import DAY_US
from models.history import NOTHING
from models.learned import LearnedRanker
from models.recommend import recommend
from models.vocabulary import Vocabulary
from store.placements import read_placements
from tests.shops import RECIPE
from tests.store.bundles.drafts import draft_of
from tests.training.report.conftest import Reported
from training.config import Recipe
from training.evaluate.asked import Asked, Histories, Question
from training.evaluate.exposure import Demand
from training.evaluate.held_out import HeldOut
from training.evaluate.lists import Asking
from training.evaluate.metrics import Targets
from training.evaluate.table import Judgement, Options
from training.evaluate.temporal import temporal
from training.ranking import one_per_task
from training.report import questions
from training.report.background import changes, recorded
from training.report.examples import EXAMPLES, examples_of
from training.report.questions import questions_of, taken
from training.report.scored import Scored, gap
from training.report.trees import added_by_feature, features_of, shares_of_gain
from training.report.weeks import by_week


def test_the_rows_are_those_of_the_evaluation(reported: Reported) -> None:
    options = Options(RECIPE.seed, processes=1)
    table = temporal(reported.trial.snapshot, reported.trial.split, one_per_task(read_placements()), options)
    expected = {(row.task, row.model): row for row in table.rows if row.segment == "all"}
    told = {(task["task"], row["model"]): row for task in reported.figures["tasks"][:2] for row in task["models"]}
    assert told.keys() == expected.keys()
    for key, row in told.items():
        assert row["exposure"] == dict(expected[key].exposure)
        assert {name: one["value"] for name, one in row["metrics"].items()} == {
            name: one.value for name, one in expected[key].metrics.items()
        }
    expected_parts = {
        (row.task, row.model, row.segment): row.metrics["ndcg@20"].value for row in table.rows if row.segment != "all"
    }
    assert "new users" in {segment for _, _, segment in expected_parts}
    assert expected_parts == {
        (*key, segment): one["value"] for key, row in told.items() for segment, one in row["parts"].items()
    }


def test_every_task_is_told_the_served_row_first(reported: Reported) -> None:
    assert [task["task"] for task in reported.figures["tasks"]] == ["all", "new", "basket", "instead"]
    for task in reported.figures["tasks"]:
        served, *others = task["models"]
        assert (served["model"], served["p_value"]) == ("endcap", None)
        assert all(0 < row["p_value"] <= 1 for row in others)
        values = [row["metrics"][task["metrics"][0]]["value"] for row in others]
        assert values == sorted(values, reverse=True)


def test_every_shown_item_is_in_one_bin(reported: Reported) -> None:
    for task in reported.figures["tasks"]:
        bins = task["reliability"]
        assert sum(one["n_items"] for one in bins) <= task["n_lists"] * 20
        predicted = [one["predicted"] for one in bins]
        assert len(bins) == 10
        assert predicted == sorted(predicted)


def test_scores_that_come_true_have_no_gap_and_what_fills_up_does_not_count() -> None:
    scores = np.array([[0.25, 0.25, 0.25, 0.25, np.nan], [0.5, 0.5, 0.5, 0.5, np.nan]], np.float32)
    hits = np.array([[1, 0, 0, 0, 1], [1, 1, 0, 0, 1]], np.bool_)
    rows = np.tile(np.arange(5, dtype=np.int32), (2, 1))
    bins = Scored(rows.repeat(10, 0), scores.repeat(10, 0), {}).reliability(hits.repeat(10, 0), np.arange(20), seed=1)
    assert sum(one.n_items for one in bins) == 80
    assert sum(one.observed.value * one.n_items for one in bins) == pytest.approx(30)
    wrong = Scored(rows, 1 - scores, {}).reliability(hits, np.arange(2), seed=1)
    found = gap(wrong)
    assert found is not None
    assert found >= 0.25
    assert gap(()) is None


def test_scores_that_are_no_probabilities_have_no_reliability() -> None:
    rows, hits = np.zeros((1, 2), np.int32), np.zeros((1, 2), np.bool_)
    for scores in ([[-0.5, 0.5]], [[0.5, 3.0]], [[np.nan, np.nan]]):
        assert Scored(rows, np.array(scores, np.float32), {}).reliability(hits, np.zeros(1, np.int64), 1) == ()


def held_out_of(days: list[int], owners: list[int], rows: list[int]) -> HeldOut:
    """Purchases on days after a cutoff at 0, of 21 days."""
    n = len(days)
    return HeldOut(
        shoppers=("u:a", "u:b"),
        vocabulary=Vocabulary([str(row) for row in range(10)]),
        owners=np.array(owners, np.int32),
        rows=np.array(rows, np.int32),
        amounts=np.ones(n),
        orders=np.full(n, -1, np.int32),
        repeats=np.zeros(n, np.bool_),
        ts_us=np.array(days, np.int64) * DAY_US,
        cutoff_us=0,
        until_us=21 * DAY_US,
    )


def test_a_week_counts_what_was_bought_in_it_by_those_who_bought() -> None:
    # Both are shown 0 and 1. The first buys 0 in week one; both buy in week three, what one of them was shown.
    held_out = held_out_of([1, 20, 14], [0, 0, 1], [0, 7, 1])
    lists = {"endcap": np.array([[0, 1], [1, 0]], np.int32), "none": np.full((2, 2), -1, np.int32)}
    nobody = Demand(np.zeros(10, np.int64), 0, np.ones(10, np.bool_))
    targets = Targets.of(np.array([0, 1]), np.array([0, 1]), np.zeros(2), 2)
    judgement = Judgement("all", lists, targets, np.array([0, 1]), np.zeros(2, np.int64), nobody)
    windows = by_week(judgement, held_out, np.ones(3, np.bool_), "ndcg@2", ("endcap", "none"), seed=1)
    assert [(one.from_us // DAY_US, one.until_us // DAY_US, one.n_shoppers) for one in windows] == [
        (0, 7, 1),
        (14, 21, 2),
    ]
    assert [one.models["endcap"].value for one in windows] == [1.0, 0.5]
    assert [one.models["none"].value for one in windows] == [0.0, 0.0]
    few = by_week(judgement, held_out, np.array([True, False, False]), "ndcg@2", ("endcap",), seed=1)
    assert len(few) == 1


@given(st.data())
def test_questions_that_are_taken_keep_their_targets(data: st.DataObject) -> None:
    sets = data.draw(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=8))
    owners = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    targets = Targets.of(
        owners, np.array([row for one in sets for row in sorted(one)]), owners.astype(np.float64), len(sets)
    )
    places = np.array(data.draw(st.lists(st.integers(0, len(sets) - 1), max_size=8)), dtype=np.int64)
    nothing = draft_of("new item")
    histories = Histories(nothing.catalogue.vocabulary, NOTHING, 0, 0)
    asked = Asked([Question(-1)] * len(sets), targets, np.arange(len(sets)), histories, nothing.catalogue.vocabulary)
    found = taken(asked, places)
    assert found.shoppers.tolist() == places.tolist()
    assert [set(found.targets.of_set(place).tolist()) for place in range(len(places))] == [
        sets[place] for place in places
    ]
    assert found.targets.values.tolist() == [float(place) for place in places for _ in sets[place]]


def test_of_a_large_shop_some_are_drawn_the_same_each_time(reported: Reported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_QUESTIONS", 7)
    one, again, other = (questions_of(reported.trial, one_per_task(read_placements()), seed) for seed in (1, 1, 2))
    assert [len(task.asked.questions) for task in one] == [7] * 4
    assert [task.n_possible > 7 for task in one] == [True] * 4
    assert one[0].asked.shoppers.tolist() == again[0].asked.shoppers.tolist() != other[0].asked.shoppers.tolist()


def test_examples_are_few_and_mark_what_was_bought(reported: Reported) -> None:
    task = questions_of(reported.trial, one_per_task(read_placements()), RECIPE.seed)[0]
    found = examples_of(reported.trial, task, one_per_task(read_placements())["personal"], None, RECIPE.seed)
    assert len(found) == EXAMPLES
    assert all(0 < sum(item.hit for item in one.items) <= one.n_bought for one in found)
    assert all(item.features == {} for one in found for item in one.items)


def test_what_features_add_makes_the_trees_score(reported: Reported) -> None:
    """And the features are those that the network ranked by: it gives the very scores of the list."""
    trial, placement = reported.trial, one_per_task(read_placements())["personal"]
    fitted = trial.tasks["personal"].ranker
    assert fitted is not None
    task = questions_of(trial, one_per_task(read_placements()), RECIPE.seed)[0]
    asking = Asking(trial.snapshot, trial.split.past, placement, task.asked.histories)
    context = asking.context(task.asked.questions[0])
    listed = recommend(context, trial.snapshot, placement)
    features = features_of(listed.rows, context, trial.snapshot, placement)
    assert features is not None
    added = added_by_feature(fitted.trees, features)
    rest = fitted.trees(features) - added.sum(axis=1)
    assert rest == pytest.approx(rest[0], abs=1e-4)
    ranker = trial.snapshot.rankers["personal"]
    assert isinstance(ranker, LearnedRanker)
    log_odds = ranker.slope * ranker.form(features) + ranker.bias
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(listed.scores, abs=1e-5)
    assert features_of(listed.rows, context, trial.snapshot, replace(placement, ranked_by="blend")) is None


def test_gains_are_shares_of_all(reported: Reported) -> None:
    fitted = reported.trial.tasks["personal"].ranker
    assert fitted is not None
    assert sum(shares_of_gain(fitted.trees).values()) == pytest.approx(1)
    told = reported.figures["tasks"][0]["gains"]
    assert told == pytest.approx(shares_of_gain(fitted.trees))


def test_what_the_recipe_changes_is_told_key_by_key() -> None:
    assert changes(Recipe()) == ()
    sources: dict[str, dict[str, Any]] = {name: {} for name in Recipe().sources if name != "new"} | {
        "als": {"factors": 7}
    }
    recipe = Recipe(seed=5, sources=sources)
    told = {one.key: (one.value, one.default) for one in changes(recipe)}
    assert told["seed"] == (5, 1)
    assert told["sources.als.factors"][0] == 7
    assert told["sources.new"][0] is None
    assert set(told) == {"seed", "sources.als.factors", "sources.new"}


def test_what_gates_measured_is_told_with_intervals_where_there_are_any() -> None:
    draft = draft_of("new item")
    row = {
        "model": "endcap",
        "segment": "all",
        "task": "all",
        "metrics": {"ndcg@20": {"value": 2, "low": 1, "high": 3}},
    }
    told = replace(draft, metrics=draft.metrics.model_copy(update={"rows": ({"model": 1}, row)}), recipe={"other": 1})
    first, second = recorded([], draft)[0], recorded([], told)[0]
    assert (first.tasks["all"].low, first.tasks["all"].value) == (0.5, 0.5)
    assert (second.tasks["all"].low, second.tasks["all"].high) == (1, 3)
    assert first.same_recipe
