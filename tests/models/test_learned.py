"""A cascade: the blend chooses, a form that looks at features orders what was chosen, and nothing is lost."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Float32
from models.candidates import Candidates, gather
from models.context import Context
from models.facts import GAP, PRICE, Facts
from models.features import Features
from models.learned import Form, LearnedRanker, log_odds_of
from models.placement import Placement
from models.rank import Blend, OwnScore
from models.recommend import recommend
from models.rules import eligible
from models.snapshot import Snapshot
from models.topk import best_first
from tests.worlds import every_world, snapshot_of

ASKED = Placement("here", "personal", {"als": 20, "item_knn": 20, "popular": 40}, n=10)
WORLD = next(world for world in every_world() if world.name == "checkerboard")


def facts_of(snapshot: Snapshot) -> Facts:
    """Nothing but numbers: the row itself, as a price."""
    n = len(snapshot.catalogue)
    numbers = np.stack([np.arange(n + 1), np.full(n + 1, 7.0)], axis=1).astype(np.float32)
    return Facts((PRICE, GAP), numbers, (), np.zeros((n + 1, 0), np.int32))


def learned(form: Form, n_best: int = 10, *, slope: float = 1.0, bias: float = 0.0) -> tuple[Snapshot, LearnedRanker]:
    snapshot = snapshot_of(WORLD.name)
    blend = snapshot.rankers["personal"]
    assert isinstance(blend, Blend)
    ranker = LearnedRanker(blend, Features(tuple(ASKED.sources), facts_of(snapshot)), form, n_best, slope, bias)
    return replace(snapshot, rankers={**snapshot.rankers, "personal": ranker}), ranker


def asked() -> tuple[Context, Candidates]:
    """A context of its own each time: it keeps what was ranked for it."""
    snapshot = snapshot_of(WORLD.name)
    context = WORLD.context(snapshot.vocabulary, replace(WORLD.questions[3], known="keep"))
    return context, gather(context, snapshot.sources, ASKED, eligible(context, snapshot.catalogue, ASKED))


def by(name: str, sign: float = 1.0) -> Callable[[Features], Form]:
    """Order by one feature."""
    return lambda features: lambda found: np.nan_to_num(sign * found[:, features.names.index(name)])


def ordered_by(name: str, sign: float = 1.0, n_best: int = 10) -> tuple[Snapshot, LearnedRanker]:
    _, ranker = learned(lambda found: found[:, 0], n_best)
    return learned(by(name, sign)(ranker.features), n_best)


def test_the_form_orders_what_the_blend_chose_and_the_rest_follows_in_the_blends_order() -> None:
    context, candidates = asked()
    _, ranker = ordered_by(PRICE, -0.1)
    by_blend = ranker.blend.weigh(context, candidates).scores
    chosen = best_first(by_blend, candidates.rows, len(candidates))
    best, rest = candidates.rows[chosen[:10]], candidates.rows[chosen[10:]]
    assert len(rest)
    scores = ranker.weigh(context, candidates).scores
    found = candidates.rows[best_first(scores, candidates.rows, len(candidates))].tolist()
    assert found == [*sorted(best.tolist()), *rest.tolist()]
    assert found != candidates.rows[chosen].tolist()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 30.0, 1000.0]), st.integers(1, 60))
def test_whatever_the_form_says_the_rest_lies_below_in_the_blends_order(seed: int, size: float, n_best: int) -> None:
    context, candidates = asked()

    def wild(features: Float32) -> Float32:
        return (np.random.default_rng(seed).normal(size=len(features)) * size).astype(np.float32)

    _, ranker = learned(wild, n_best)
    by_blend = ranker.blend.weigh(context, candidates).scores
    chosen = best_first(by_blend, candidates.rows, len(candidates))
    scores = ranker.weigh(context, candidates).scores
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    best, rest = scores[chosen[:n_best]], chosen[n_best:]
    if len(rest):
        assert scores[rest].max() < best.min()
    assert (
        candidates.rows[rest].tolist()
        == candidates.rows[rest[best_first(scores[rest], candidates.rows[rest], 99)]].tolist()
    )


def test_a_score_is_the_probability_that_slope_and_bias_make_of_the_form() -> None:
    context, candidates = asked()
    _, ranker = learned(lambda found: np.full(len(found), 2.0, np.float32), n_best=1000, slope=0.5, bias=-3.0)
    np.testing.assert_allclose(ranker.weigh(context, candidates).scores, 1 / (1 + np.exp(2.0)), rtol=1e-6)


def test_reasons_are_the_blends() -> None:
    context, candidates = asked()
    _, ranker = ordered_by(PRICE)
    np.testing.assert_array_equal(
        ranker.weigh(context, candidates).shares, ranker.blend.weigh(context, candidates).shares
    )


def test_no_candidates_are_ranked_as_none() -> None:
    context, candidates = asked()
    _, ranker = ordered_by(PRICE)
    assert not len(ranker.weigh(context, candidates.where(np.zeros(len(candidates), np.bool_))).scores)


def test_a_shopper_of_whom_nothing_is_known_is_ranked_by_the_blend_unless_nobody_was_known_in_learning() -> None:
    context, candidates = asked()
    _, ranker = ordered_by(PRICE, -0.1)
    by_blend = ranker.blend.weigh(Context(context.now_us), candidates).scores
    for stranger in (Context(context.now_us), Context(context.now_us, anchors=candidates.rows[:1])):
        np.testing.assert_array_equal(ranker.weigh(stranger, candidates).scores, by_blend)
        of_pages = replace(ranker, features=replace(ranker.features, of_shopper=False))
        assert not np.array_equal(of_pages.weigh(stranger, candidates).scores, by_blend)


def test_a_placement_chooses_the_blend_or_what_was_learned() -> None:
    snapshot, ranker = ordered_by(PRICE, -0.1)
    plain = snapshot_of(WORLD.name)
    by_blend = recommend(asked()[0], snapshot, replace(ASKED, ranked_by="blend"))
    assert by_blend.rows.tolist() == recommend(asked()[0], plain, ASKED).rows.tolist()
    by_learned = recommend(asked()[0], snapshot, ASKED)
    assert by_learned.rows.tolist() == sorted(by_blend.rows.tolist())
    assert snapshot.ranker_of(replace(ASKED, ranked_by="blend")) is ranker.blend
    assert snapshot.ranker_of(ASKED) is ranker
    assert plain.ranker_of(ASKED) is plain.rankers["personal"], "a bundle without one serves its blend"


def test_two_columns_of_one_source_are_ranked_and_one_column_is_its_own_order() -> None:
    snapshot, ranker = ordered_by(PRICE)
    assert snapshot.ranker_of(replace(ASKED, sources={"als": 9, "als@recent": 9})) is ranker
    for alone in ({"als": 9}, {"als@recent": 9}, {"als": 9, "unheard_of": 3}):
        assert isinstance(snapshot.ranker_of(replace(ASKED, sources=alone)), OwnScore)


def test_a_list_of_fewer_sources_is_ranked_by_what_they_know() -> None:
    context, _ = asked()
    snapshot, _ = ordered_by("score of popular", n_best=1000)
    found = recommend(context, snapshot, replace(ASKED, sources={"popular": 40, "als": 5}, n=6))
    alone = recommend(context, snapshot, replace(ASKED, sources={"popular": 40}, n=6))
    assert set(found.rows.tolist()) == set(alone.rows.tolist())


def test_over_newer_facts_the_same_ranker_looks_at_those() -> None:
    context, candidates = asked()
    snapshot, ranker = ordered_by(PRICE, 0.1, n_best=1000)
    numbers = facts_of(snapshot).numbers
    newer = replace(facts_of(snapshot), numbers=numbers * np.array([-1, 1], np.float32))
    before, after = (one.weigh(context, candidates).scores for one in (ranker, ranker.over(newer)))
    rows = [candidates.rows[best_first(scores, candidates.rows, 99)].tolist() for scores in (before, after)]
    assert rows[0] == rows[1][::-1]


def test_a_ranker_refuses_facts_that_it_did_not_learn_from_by_name() -> None:
    snapshot, ranker = ordered_by(PRICE)
    facts = facts_of(snapshot)
    other = replace(
        facts, names=(PRICE, GAP, "phase of the moon"), numbers=np.zeros((len(facts.numbers), 3), np.float32)
    )
    with pytest.raises(ValueError, match="other features than these facts give: phase of the moon"):
        ranker.over(other)


@given(st.lists(st.floats(0, 1, width=32), min_size=1))
def test_log_odds_are_finite_and_rise_with_the_probability(probabilities: list[float]) -> None:
    given_in_order = np.sort(np.array(probabilities, np.float32))
    found = log_odds_of(given_in_order)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
