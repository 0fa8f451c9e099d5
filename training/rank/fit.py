"""Fit the ranker of one task: trees on features, and the network that serves in their place."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.features import Features
from models.learned import LearnedRanker
from models.rank import Blend
from training.blend import calibration_error
from training.rank.distil import distil
from training.rank.examples import RankExamples
from training.rank.trees import Trees, fit_trees
from training.ranker_settings import RankerSettings
from training.softmax import fit_scale


@dataclass(frozen=True)
class FittedRanker:
    """What serves, what it was distilled from, and how far its probabilities can be believed."""

    ranker: LearnedRanker
    trees: Trees
    n_examples: int
    n_right: int
    calibration_error: float | None
    """Expected calibration error, unit: probability, of the ranker of one stage earlier on these examples; None if
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
) -> FittedRanker:
    """Fit on all examples. features: how they were computed. earlier: what reliability is measured of."""
    trees = fit_trees(examples, settings, seed)
    network = distil(examples, trees(examples.features), settings, seed)
    scores = network(examples.features)
    slope, bias = fit_scale(scores, examples.labels)
    error = None
    if earlier is not None and earlier.features.names == examples.names:
        log_odds = earlier.slope * earlier.form(examples.features) + earlier.bias
        error = calibration_error((1 / (1 + np.exp(-log_odds))).astype(np.float32), examples.labels)
    ranker = LearnedRanker(blend, features, network, settings.n_best, slope, bias)
    return FittedRanker(ranker, trees, len(examples.labels), examples.n_right, error)
