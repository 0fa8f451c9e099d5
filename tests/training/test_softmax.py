"""The conditional logit finds what the answers were drawn from, and never a weight below 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Float32, Int32, Mask
from training.softmax import fit_scale, fit_softmax, hardest

L2 = 1e-6


def planted(weights: list[float], n_requests: int = 4_000, n_each: int = 12) -> tuple[Float32, Mask, Int32]:
    """Requests whose one right answer was drawn by softmax(features @ weights), with a mood of its own per request."""
    chance = np.random.default_rng(4)
    features = chance.normal(size=(n_requests, n_each, len(weights)))
    sums = features @ weights + chance.gumbel(size=(n_requests, n_each))
    labels = sums == sums.max(axis=1, keepdims=True)
    moods = chance.normal(size=(n_requests, 1, 1)) * 5
    requests = np.repeat(np.arange(n_requests, dtype=np.int32), n_each)
    return (features + moods).reshape(-1, len(weights)).astype(np.float32), labels.ravel(), requests


def test_planted_weights_are_found_whatever_the_mood_of_a_request() -> None:
    features, labels, requests = planted([1.5, 0.5, 0.0])
    assert fit_softmax(features, labels, requests, L2) == pytest.approx([1.5, 0.5, 0.0], abs=0.08)


def test_a_source_that_points_away_gets_no_weight_rather_than_a_negative_one() -> None:
    features, labels, requests = planted([1.0, -1.0])
    weights = fit_softmax(features, labels, requests, L2)
    assert weights[1] == 0
    assert weights[0] > 0.5


@given(seed=st.integers(0, 2**32), n_sources=st.integers(1, 4), rate=st.sampled_from([0, 0.05, 1]))
def test_no_weight_is_ever_negative_or_not_a_number(seed: int, n_sources: int, rate: float) -> None:
    chance = np.random.default_rng(seed)
    requests = np.sort(chance.integers(0, 10, 60)).astype(np.int32)
    features = chance.normal(size=(60, n_sources)).astype(np.float32)
    weights = fit_softmax(features, chance.random(60) < rate, requests, 1e-3)
    assert weights.shape == (n_sources,)
    assert (weights >= 0).all()
    assert np.isfinite(weights).all()


def test_more_pull_means_smaller_weights() -> None:
    features, labels, requests = planted([1.0, 1.0], n_requests=500)
    sizes = [fit_softmax(features, labels, requests, l2).sum() for l2 in (0.0, 0.1, 10.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.2


def test_several_right_answers_of_a_request_count_alike() -> None:
    features, labels, requests = planted([1.0, 0.5], n_requests=2_000)
    twice = np.repeat(features, 2, axis=0), np.repeat(labels, 2), np.repeat(requests, 2)
    assert fit_softmax(*twice, L2) == pytest.approx(fit_softmax(features, labels, requests, L2), abs=0.02)


def test_a_request_without_a_right_answer_says_nothing() -> None:
    features, labels, requests = planted([1.0, 0.5], n_requests=2_000)
    chance = np.random.default_rng(5)
    silent = chance.normal(size=(6_000, 2)).astype(np.float32)
    joined = fit_softmax(
        np.concatenate([features, silent]),
        np.concatenate([labels, np.zeros(6_000, np.bool_)]),
        np.concatenate([requests, 2_000 + np.arange(6_000, dtype=np.int32) // 6]),
        L2,
    )
    assert joined == pytest.approx(fit_softmax(features, labels, requests, L2), abs=0.02)


def test_without_right_answers_or_candidates_all_sources_weigh_the_same() -> None:
    features, labels, requests = planted([1.0, 0.5], n_requests=5)
    assert fit_softmax(features, np.zeros_like(labels), requests, L2).tolist() == [1, 1]
    assert fit_softmax(features[:0], labels[:0], requests[:0], L2).tolist() == [1, 1]


@pytest.mark.parametrize(("slope", "bias"), [(1.0, 0.0), (2.5, -4.0), (0.3, 1.0)])
def test_platt_scaling_finds_slope_and_bias(slope: float, bias: float) -> None:
    chance = np.random.default_rng(6)
    sums = (2 * chance.normal(size=60_000) + 1).astype(np.float32)
    labels = chance.random(60_000) < 1 / (1 + np.exp(-(slope * sums + bias)))
    assert fit_scale(sums, labels) == pytest.approx((slope, bias), abs=0.1)


def test_platt_scaling_never_turns_the_order_round() -> None:
    sums = np.arange(1_000, dtype=np.float32)
    slope, _ = fit_scale(sums, sums < 500)
    assert slope > 0


@pytest.mark.parametrize("right", [True, False])
def test_labels_of_one_kind_are_not_scaled(right: bool) -> None:  # noqa: FBT001 - both kinds
    slope, _ = fit_scale(np.arange(9, dtype=np.float32), np.full(9, right))
    assert slope == 1


@given(seed=st.integers(0, 2**32), k=st.integers(1, 9))
def test_the_hardest_are_each_requests_best(seed: int, k: int) -> None:
    chance = np.random.default_rng(seed)
    requests = np.sort(chance.integers(0, 6, 40)).astype(np.int32)
    sums = chance.permutation(40).astype(np.float32)
    found = hardest(sums, requests, k)
    assert (np.diff(found) > 0).all()
    for request in np.unique(requests):
        mine = np.flatnonzero(requests == request)
        best = set(mine[np.argsort(-sums[mine])][:k].tolist())
        assert set(found[requests[found] == request].tolist()) == best
