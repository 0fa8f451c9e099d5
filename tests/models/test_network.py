"""A network answers with a finite number whatever is known of a candidate, and each row's by itself."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.arrays import Float32
from models.network import Network

N_FEATURES = 4
NUMBERS = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


def network(seed: int = 1, *, means: Float32 | None = None, scales: Float32 | None = None) -> Network:
    rng = np.random.default_rng(seed)
    sizes = (2 * N_FEATURES, 5, 3, 1)
    layers = [
        (rng.normal(size=(inputs, outputs)).astype(np.float32), rng.normal(size=outputs).astype(np.float32))
        for inputs, outputs in pairwise(sizes)
    ]
    return Network(
        np.zeros(N_FEATURES, np.float32) if means is None else means,
        np.ones(N_FEATURES, np.float32) if scales is None else scales,
        layers,
    )


def matrix(n_max: int = 6) -> st.SearchStrategy[Float32]:
    shape = st.tuples(st.integers(0, n_max), st.just(N_FEATURES))
    return shape.flatmap(lambda one: arrays(np.float32, one, elements=NUMBERS))


@given(matrix(), st.integers(0, 9))
def test_every_row_has_a_finite_score_in_single_precision(features: Float32, seed: int) -> None:
    scores = network(seed)(features)
    assert scores.shape == (len(features),)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@given(matrix())
def test_a_row_has_the_score_that_it_has_alone(features: Float32) -> None:
    together = network()(features)
    for row, score in zip(features, together, strict=True):
        np.testing.assert_allclose(network()(row[None, :])[0], score, rtol=1e-4, atol=1e-4)


@given(matrix())
def test_features_are_left_as_they_are(features: Float32) -> None:
    before = features.copy()
    network()(features)
    np.testing.assert_array_equal(features, before)


def test_a_score_is_the_sum_that_its_layers_say() -> None:
    weights = np.array([[1.0], [10.0], [100.0], [1000.0]] * 2, np.float32)
    linear = Network(
        np.array([1, 0, 0, 0], np.float32), np.array([2, 1, 1, 1], np.float32), [(weights, np.array([0.5], np.float32))]
    )
    # (3 - 1) * 2 + 10 * -1, nothing known of the third and what is missing weighs 100, the fourth cut off at 5.
    features = np.array([[3, -1, np.nan, 80]], np.float32)
    assert linear(features).tolist() == [4 - 10 + 100 + 5000 + 0.5]


def test_rectifiers_stand_between_layers_and_not_after_the_last() -> None:
    below = np.full((2 * N_FEATURES, 1), -1.0, np.float32)
    no_bias, minus_three = np.zeros(1, np.float32), np.full(1, -3.0, np.float32)
    deep = Network(
        np.zeros(N_FEATURES, np.float32),
        np.ones(N_FEATURES, np.float32),
        [(below, no_bias), (np.ones((1, 1), np.float32), minus_three)],
    )
    assert deep(np.array([[1, 1, 1, 1], [-1, 0, 0, 0]], np.float32)).tolist() == [-3.0, -2.0]


def test_a_feature_that_never_varied_says_nothing_however_far_off_it_is() -> None:
    scales = np.array([1, 0, 1, 1], np.float32)
    features = np.array([[1, 7, 2, 3], [1, 1e30, 2, 3]], np.float32)
    same, other = network(scales=scales)(features)
    assert same == other


def test_what_nobody_knows_is_told_apart_from_what_is_usual() -> None:
    usual, unknown = network().inputs(np.array([[0, 0, 0, 0], [0, np.nan, 0, 0]], np.float32))
    assert usual.tolist() == [0.0] * 8
    assert unknown.tolist() == [0.0] * 5 + [1.0] + [0.0] * 2
