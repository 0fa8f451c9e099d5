"""A blend weighs each source by what it was worth, apart for what was bought before, and knows how sure it may be."""

from typing import get_args

import numpy as np
import pytest

from models.arrays import Float32, Mask
from models.candidates import Candidates
from models.context import Context
from models.placement import Task
from models.rank import Blend, Calibration, LogisticSum
from training.blend import LabelledCandidates, calibration_error, fit_blend
from training.config import BlendSettings

SOURCES = ("als", "buy_again", "popular")
USES_ALL = BlendSettings(bought_sources={})


def candidates(scores: Float32) -> Candidates:
    rows = np.arange(len(scores), dtype=np.int32)
    return Candidates(rows, scores, ~np.isnan(scores), SOURCES)


def examples(n_requests: int = 1_500, n_each: int = 30, seed: int = 1) -> LabelledCandidates:
    """Of what was bought before buy_again is right, of what was not als is; popular says nothing of either."""
    chance = np.random.default_rng(seed)
    n = n_requests * n_each
    scores = chance.normal(size=(n, 3)).astype(np.float32)
    bought = chance.random(n) < 0.3
    scores[~bought, 1] = np.nan
    log_odds = np.where(bought, 2 * np.nan_to_num(scores[:, 1]) - 1, 1.5 * scores[:, 0] - 3)
    labels = chance.random(n) < 1 / (1 + np.exp(-log_odds))
    requests = np.repeat(np.arange(n_requests, dtype=np.int32), n_each)
    return LabelledCandidates(candidates(scores), requests, bought, labels)


def told(blend: Blend, asked: LabelledCandidates) -> Float32:
    """The probabilities that a blend gives, in a context whose shopper bought what the examples say."""
    log_odds = [part.bias + part.shares(asked.candidates).sum(axis=1) for part in (blend.bought, blend.fresh)]
    probabilities: Float32 = (1 / (1 + np.exp(-np.where(asked.bought, *log_odds)))).astype(np.float32)
    return probabilities


def auc(scores: Float32, labels: Mask) -> float:
    """How often a right candidate is above a wrong one."""
    ranks = np.argsort(np.argsort(scores)) + 1
    n_right = int(labels.sum())
    return float((ranks[labels].sum() - n_right * (n_right + 1) / 2) / (n_right * (len(labels) - n_right)))


def test_each_kind_is_ranked_by_the_source_that_knows_it() -> None:
    blend = fit_blend(examples(), "personal", USES_ALL).blend
    weights = {
        kind: {name: curve.weight for name, curve in getattr(blend, kind).calibrations.items()} for kind in KINDS
    }
    assert max(weights["bought"], key=weights["bought"].__getitem__) == "buy_again"
    assert max(weights["fresh"], key=weights["fresh"].__getitem__) == "als"
    for kind in KINDS:
        assert all(weight >= 0 for weight in weights[kind].values())
        assert weights[kind]["popular"] < 0.2 * max(weights[kind].values())


KINDS = ("bought", "fresh")


def test_its_order_holds_on_days_that_it_has_not_seen() -> None:
    fitted, later = fit_blend(examples(seed=1), "personal", USES_ALL), examples(seed=2)
    for kind in (later.bought, ~later.bought):
        one = later.where(kind)
        best = np.nan_to_num(one.candidates.scores[:, 1 if one.bought[0] else 0])
        assert auc(told(fitted.blend, one), one.labels) > auc(best, one.labels) - 0.01


def test_its_probabilities_hold_on_days_that_it_has_not_seen() -> None:
    earlier, later = fit_blend(examples(seed=1), "personal", USES_ALL), examples(seed=2)
    assert earlier.calibration_error is None, "there was nothing before"
    refitted = fit_blend(later, "personal", USES_ALL, earlier.blend)
    assert refitted.calibration_error == pytest.approx(calibration_error(told(earlier.blend, later), later.labels))
    assert 0 < (refitted.calibration_error or 0) < 0.02
    assert (refitted.n_candidates, refitted.n_right) == (len(later.labels), later.labels.sum())


def test_a_blend_that_promises_too_much_is_told_so() -> None:
    later = examples(seed=2)
    sure = LogisticSum(3.0, {})
    refitted = fit_blend(later, "personal", USES_ALL, Blend(sure, sure))
    assert refitted.calibration_error == pytest.approx(0.953 - later.labels.mean(), abs=0.01)


def test_only_the_named_sources_rank_what_was_bought_before() -> None:
    settings = BlendSettings(bought_sources={"personal": ("buy_again",)})
    assert set(fit_blend(examples(), "personal", settings).blend.bought.calibrations) == {"buy_again"}
    assert set(fit_blend(examples(), "personal", settings).blend.fresh.calibrations) == set(SOURCES)
    assert set(fit_blend(examples(), "similar", settings).blend.bought.calibrations) == set(SOURCES)
    left_out = BlendSettings(bought_sources={"personal": ("item_knn",)})
    assert set(fit_blend(examples(), "personal", left_out).blend.bought.calibrations) == set(SOURCES), "none was left"


@pytest.mark.parametrize("task", get_args(Task))
def test_every_task_is_fitted(task: Task) -> None:
    assert fit_blend(examples(100), task, BlendSettings()).n_right > 0


def test_a_kind_of_which_none_was_right_is_improbable_and_the_other_is_fitted() -> None:
    asked = examples()
    never = LabelledCandidates(asked.candidates, asked.requests, asked.bought, asked.labels & ~asked.bought)
    blend = fit_blend(never, "personal", USES_ALL).blend
    assert told(blend, never.where(never.bought)).max() < 1e-4
    assert told(blend, never.where(~never.bought)).max() > 0.2


@pytest.mark.parametrize("keep", ["nothing", "bought", "fresh", "three requests"])
def test_few_or_one_sided_examples_give_finite_answers(keep: str) -> None:
    asked = examples(60)
    kept = {"bought": asked.bought, "fresh": ~asked.bought, "three requests": (asked.requests % 20) == 1}
    few = asked.where(kept.get(keep, np.zeros(len(asked.labels), dtype=np.bool_)))
    fitted = fit_blend(few, "personal", USES_ALL)
    probabilities = fitted.blend.weigh(Context(0), candidates(asked.candidates.scores)).scores
    assert np.isfinite(probabilities).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_a_source_that_is_always_silent_has_no_say() -> None:
    asked = examples()
    asked.candidates.scores[:, 2] = np.nan
    blend = fit_blend(asked, "personal", USES_ALL).blend
    shares = blend.fresh.shares(asked.candidates)
    assert np.isfinite(shares).all()
    assert (shares[:, 2] == 0).all()


def test_perfect_probabilities_have_no_error() -> None:
    probabilities = np.repeat(np.arange(10) / 10, 100).astype(np.float32)
    labels = np.tile(np.arange(100), 10) < probabilities * 100 - 1e-3
    assert calibration_error(probabilities, labels) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("said", "rate"), [(0.5, 0.0), (0.9, 0.2), (0.0, 1.0)])
def test_wrong_probabilities_have_the_distance_to_what_was_seen(said: float, rate: float) -> None:
    labels = np.arange(1_000) % 10 < 10 * rate
    assert calibration_error(np.full(1_000, said, np.float32), labels) == pytest.approx(abs(said - rate), abs=1e-6)


def test_of_nothing_the_error_is_none() -> None:
    assert calibration_error(np.zeros(0, np.float32), np.zeros(0, np.bool_)) == 0
    assert calibration_error(np.ones(3, np.float32), np.zeros(3, np.bool_)) == pytest.approx(1)


def test_a_blend_ranks_what_the_shopper_bought_by_the_one_sum_and_the_rest_by_the_other() -> None:
    curve = Calibration(np.array([0, 1], np.float32), np.array([0, 1], np.float32), 0.0, 1.0)
    blend = Blend(LogisticSum(5.0, {"als": curve}), LogisticSum(-5.0, {"als": curve}))
    scores = blend.weigh(Context(0), candidates(np.ones((2, 3), np.float32))).scores
    assert (scores < 0.1).all(), "a shopper of whom nothing is known bought nothing before"
