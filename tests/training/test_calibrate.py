"""A score becomes log-odds: monotone, right where it can be known, careful where it cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Float32, Float64, Mask
from models.rank import Calibration, contributions
from training.calibrate import calibrate


def added(curve: Calibration, scores: Float32) -> Float32:
    """What a curve adds, shape (n,)."""
    line: Float32 = contributions([curve], scores[None])[0]
    return line


def said(scores: Float32, labels: Mask, asked: Float32 | list[float]) -> Float64:
    """What the fitted curve says of scores: probabilities."""
    curve = calibrate(scores, labels)
    odds = added(curve, np.asarray(asked, dtype=np.float32)) + curve.missing
    return np.asarray(1 / (1 + np.exp(-odds.astype(np.float64))))


def simulated(n: int = 40_000, seed: int = 1) -> tuple[Float32, Mask, Float64]:
    """Scores, labels, and the probability that each label was drawn with."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=n).astype(np.float32)
    probabilities = 1 / (1 + np.exp(3 - 1.5 * scores.astype(np.float64)))
    return scores, chance.random(n) < probabilities, probabilities


@st.composite
def judged_scores(draw: st.DrawFn) -> tuple[Float32, Mask]:
    """Any scores with ties and gaps, and any labels."""
    n = draw(st.integers(0, 1_500))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = np.round(chance.normal(size=n), draw(st.integers(0, 4))).astype(np.float32)
    scores[chance.random(n) < draw(st.sampled_from([0, 0.3, 1]))] = np.nan
    labels = chance.random(n) < draw(st.sampled_from([0, 0.01, 0.5, 1])) * np.nan_to_num(scores > 0, nan=0.5)
    return scores, labels


@given(judged=judged_scores())
def test_a_higher_score_is_never_less_likely(judged: tuple[Float32, Mask]) -> None:
    curve = calibrate(*judged)
    assert len(curve.scores) == len(curve.log_odds) > 0
    assert (np.diff(curve.scores) > 0).all()
    assert (np.diff(curve.log_odds) >= 0).all()
    assert np.isfinite(curve.log_odds).all()
    assert np.isfinite(curve.missing)
    asked = np.linspace(-9, 9, 200, dtype=np.float32)
    assert (np.diff(added(curve, asked)) >= 0).all()


def test_the_probabilities_are_those_that_the_labels_were_drawn_with() -> None:
    scores, labels, probabilities = simulated()
    inside = np.abs(scores) < 2
    errors = np.abs(said(scores, labels, scores) - probabilities)[inside]
    assert errors.mean() < 0.01
    assert errors.max() < 0.12


def test_a_candidate_of_which_a_source_says_nothing_has_the_rate_of_those() -> None:
    scores, labels, _ = simulated()
    silent = np.full(10_000, np.nan, dtype=np.float32)
    right = np.arange(10_000) % 50 == 0
    curve = calibrate(np.concatenate([scores, silent]), np.concatenate([labels, right]))
    assert 1 / (1 + np.exp(-curve.missing)) == pytest.approx(0.02)
    assert added(curve, silent[:1]) == 0


def test_equal_scores_have_about_the_rate_of_them_all() -> None:
    """Most sources give most candidates the same score, 0; which of them are looked at first says nothing."""
    chance = np.random.default_rng(1)
    scores = np.where(chance.random(20_000) < 0.9, 0, 1 + chance.random(20_000)).astype(np.float32)
    labels = chance.random(20_000) < np.where(scores > 0, 0.2, 0.02)
    (at_zero,) = said(scores, labels, [0.0])
    # Their bin also holds some of the scores next above.
    assert at_zero == pytest.approx(labels[scores == 0].mean(), rel=0.12)


def test_the_order_of_the_candidates_changes_nothing() -> None:
    scores, labels, _ = simulated(5_000)
    scores = np.round(scores, 1)
    turned = slice(None, None, -1)
    assert np.allclose(said(scores, labels, scores), said(scores[turned], labels[turned], scores))


def test_the_best_scores_are_told_apart() -> None:
    scores, labels, _ = simulated()
    best = np.sort(scores)[-5:]
    assert (np.diff(said(scores, labels, best)) > 0).all()


def test_too_few_scores_say_nothing() -> None:
    scores = np.arange(150, dtype=np.float32)
    curve = calibrate(scores, scores > 100)
    assert (added(curve, scores) == 0).all()


@pytest.mark.parametrize("right", [True, False])
def test_labels_of_one_kind_leave_finite_odds(right: bool) -> None:  # noqa: FBT001 - both kinds
    scores = np.arange(1_000, dtype=np.float32)
    told = said(scores, np.full(1_000, right), [0.0, 999.0])
    assert (np.abs(told - right) < 0.01).all()


def test_no_candidates_at_all_say_nothing() -> None:
    curve = calibrate(np.zeros(0, np.float32), np.zeros(0, np.bool_))
    assert added(curve, np.array([1.0, np.nan], np.float32)).tolist() == [0, 0]
