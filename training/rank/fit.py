"""Fit the ranker of one task: trees on features, and the network that serves in their place."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Float32, Float64, Int64
from models.features import Features
from models.learned import Form, LearnedRanker
from models.rank import Blend
from training.blend import calibration_error
from training.rank.distil import distil
from training.rank.examples import RankExamples
from training.rank.trees import Binned, Trees, fit_trees
from training.ranker_settings import RankerSettings
from training.softmax import fit_scale

_CLEARLY: Final = 1.64
"""Standard errors; by chance alone one ranker in twenty is so much better."""
_TOP: Final = 20
_BLOCK: Final = 2_000
"""Rows; so few that what is worked out of them stays near the processor."""


@dataclass(frozen=True)
class FittedRanker:
    """What serves, what it was distilled from, and how far its probabilities can be believed."""

    ranker: LearnedRanker
    trees: Trees
    n_examples: int
    n_right: int
    calibration_error: float | None
    """Expected calibration error, unit: probability, of the ranker of one stage earlier on the newest examples; None if
    there was none."""

    @property
    def gains(self) -> Mapping[str, float]:
        """By feature, what the trees' splits gained in all."""
        return self.trees.gains


def fit_ranker(
    examples: RankExamples,
    blend: Blend,
    features: Features,
    settings: RankerSettings,
    seed: int,
    earlier: LearnedRanker | None = None,
) -> FittedRanker | None:
    """Fit on all examples; None where it orders requests that it has not seen no better than the blend does.

    features: how they were computed. earlier: the ranker of a stage before, which proved itself on other requests: what
    reliability is measured of.
    """
    binned = Binned.of(examples, settings, seed)
    if earlier is None and not _is_worth_it(examples, binned, settings, seed):
        return None
    trees = fit_trees(binned, settings, seed)
    network = distil(examples, trees(examples.features), settings, seed)
    slope, bias = fit_scale(in_blocks(network, examples.features), examples.labels)
    error = None
    if earlier is not None and earlier.features.names == examples.names:
        unseen = slice(examples.newest, None)
        error = calibration_error(in_blocks(earlier.probabilities, examples.features[unseen]), examples.labels[unseen])
    ranker = LearnedRanker(blend, features, network, settings.n_best, slope, bias)
    return FittedRanker(ranker, trees, len(examples.labels), examples.n_right, error)


def in_blocks(form: Form, features: Float32) -> Float32:
    """Return the form's score of each row of features, shape (e, f) -> (e,), without copies of all of them at once."""
    scores = np.empty(len(features), dtype=np.float32)
    for start in range(0, len(features), _BLOCK):
        scores[start : start + _BLOCK] = form(features[start : start + _BLOCK])
    return scores


def _is_worth_it(examples: RankExamples, binned: Binned, settings: RankerSettings, seed: int) -> bool:
    """Say whether trees order each half of the requests better than the blend when the other half taught them.

    Every other request: each half is then of all horizons, as what serves is.
    """
    is_odd = examples.requests % 2 == 1
    halves = np.flatnonzero(~is_odd), np.flatnonzero(is_odd)
    if min(len(half) for half in halves) < settings.min_examples:
        return False
    unseen = np.empty(len(examples.labels), dtype=np.float32)

    def by_the_other(half: Int64, other: Int64) -> Float32:
        return fit_trees(binned.only(half), settings, seed)(examples.features[other])

    with ThreadPoolExecutor(len(halves)) as pool:
        found = pool.map(by_the_other, halves, halves[::-1])
        for other, log_odds in zip(halves[::-1], found, strict=True):
            unseen[other] = log_odds
    return is_better(examples, unseen)


def is_better(examples: RankExamples, scores: Float32) -> bool:
    """Say whether scores, shape (e,), put what was right clearly higher than the blend did, in whose order they lie.

    Clearly: the mean difference of the requests' discounted gains (Jarvelin & Kekalainen, TOIS 2002) lies above 0 by
    more than chance. A shop with few shoppers teaches trees its chances; then the blend, with few weights, is better.
    """
    worth = examples.labels * examples.weights
    asked = np.isin(examples.requests, np.unique(examples.requests[examples.labels]))
    _, requests = np.unique(examples.requests[asked], return_inverse=True)
    if not requests.any():
        return False  # from one request, or none, nobody learns what is usual
    by_blend = np.arange(len(requests))
    by_scores = np.lexsort((-scores[asked], requests))
    differences = _gains(requests, worth[asked], by_scores) - _gains(requests, worth[asked], by_blend)
    return bool(differences.mean() > _CLEARLY * differences.std() / np.sqrt(len(differences)))


def _gains(requests: Int64, worth: Float32, order: Int64) -> Float64:
    """Return each request's discounted gain, shape (r,), in an order that keeps requests together."""
    starts = np.flatnonzero(np.diff(requests, prepend=-1))
    places = np.arange(len(requests)) - np.repeat(starts, np.diff(np.append(starts, len(requests))))
    discounts = np.where(places < _TOP, 1 / np.log2(places + 2), 0)
    gains: Float64 = np.add.reduceat(discounts * worth[order], starts)
    return gains
