"""Trees as they serve say what LightGBM says of them, to the last digits of a sum."""

from functools import cache

import numpy as np
import pytest

from models.arrays import Float32
from training.rank.examples import RankExamples
from training.rank.masked import masked
from training.rank.trees import Binned, Trees, fit_trees
from training.ranker_settings import RankerSettings

N = 4_000
NAMES = ("smooth", "counted", "often unknown", "constant", "never known", "huge")


def features_of(n: int, seed: int) -> Float32:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    found[:, 1] = rng.poisson(2, n)
    found[rng.random(n) < 0.4, 2] = np.nan
    found[:, 3], found[:, 4] = 7, np.nan
    found[:, 5] *= np.float32(1e37)
    return found


@cache
def fitted(leaves: int, trees: int = 30) -> Trees:
    features, rng = features_of(N, seed=1), np.random.default_rng(2)
    told = np.nan_to_num(features[:, [0, 1, 2]]).sum(axis=1) + (features[:, 5] > 0) + 0.5 * np.isnan(features[:, 2])
    labels = rng.random(N) < 1 / (1 + np.exp(2 - told))
    examples = RankExamples(NAMES, features, labels, np.ones(N, np.float32), np.arange(N, dtype=np.int32) // 10)
    settings = RankerSettings(leaves=leaves, trees=trees, min_examples=5)
    return fit_trees(Binned.of(examples, settings, 1), settings, 1)


@pytest.mark.parametrize("leaves", [2, 16, 17, 32, 33, 64])
def test_they_say_what_lightgbm_predicts_of_rows_that_they_never_saw(leaves: int) -> None:
    trees, rows = fitted(leaves), features_of(2_000, seed=3)
    form = masked(trees)
    assert form.masks.itemsize == {2: 2, 16: 2, 17: 4, 32: 4, 33: 8, 64: 8}[leaves]
    assert np.ptp(form(rows)) > 1
    np.testing.assert_allclose(form(rows), trees(rows), atol=1e-5)


def test_a_value_on_a_threshold_goes_where_lightgbm_sends_it() -> None:
    trees, rows = fitted(16), features_of(2_000, seed=3)
    form = masked(trees)
    for feature, least in zip(form.features.tolist(), form.least, strict=True):
        for bound in least[2:][~np.isnan(least[2:])]:
            rows[:3, feature] = np.nextafter(bound, -np.inf, dtype=np.float32), bound, -bound
            np.testing.assert_allclose(form(rows[:3]), trees(rows[:3]), atol=1e-5)
    for infinite in (np.inf, -np.inf, np.finfo(np.float32).max, np.finfo(np.float32).tiny, -0.0):
        rows[:, 0] = rows[:, 5] = infinite
        np.testing.assert_allclose(form(rows), trees(rows), atol=1e-5)


def test_what_was_always_known_and_now_is_not_goes_where_most_examples_went() -> None:
    """LightGBM takes it for 0, which of an item's price, say, is the farthest from what is usual."""
    features = np.linspace(10, 11, N, dtype=np.float32)[:, None]
    labels = features[:, 0] > 10.3
    examples = RankExamples(("price",), features, labels, np.ones(N, np.float32), np.arange(N, dtype=np.int32) // 10)
    settings = RankerSettings(trees=3, leaves=2)
    form = masked(fit_trees(Binned.of(examples, settings, 1), settings, 1))
    unknown, low, high = form(np.array([[np.nan], [10], [11]], np.float32))
    assert low < high
    assert unknown == high


def test_trees_that_found_nothing_to_split_on_say_the_usual_rate() -> None:
    features, labels = np.full((N, 2), 7, np.float32), np.arange(N) % 4 == 0
    examples = RankExamples(("a", "b"), features, labels, np.ones(N, np.float32), np.arange(N, dtype=np.int32) // 10)
    settings = RankerSettings(trees=3)
    trees = fit_trees(Binned.of(examples, settings, 1), settings, 1)
    scores = masked(trees)(features[:5])
    np.testing.assert_allclose(scores, trees(features[:5]), atol=1e-6)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), 0.25, atol=1e-3)


def test_the_same_trees_give_the_same_arrays() -> None:
    one, other = masked(fitted(16)), masked(fitted(16))
    for name in ("features", "least", "masks", "values"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
