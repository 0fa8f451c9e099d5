"""Gradient boosted trees over features: the teacher of the form that serves. LightGBM; Ke et al., NIPS 2017."""

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np

from models.arrays import Float32
from training.rank.examples import RankExamples
from training.ranker_settings import RankerSettings

_FEATURES_OF_A_TREE, _EXAMPLES_OF_A_TREE = 0.5, 0.8


@dataclass(frozen=True)
class Trees:
    """Fitted trees."""

    booster: lightgbm.Booster
    names: tuple[str, ...]

    def __call__(self, features: Float32) -> Float32:
        """Return log-odds of success of each row of features, shape (c, f) -> (c,)."""
        log_odds = self.booster.predict(features, raw_score=True, num_threads=1)
        return np.asarray(log_odds, dtype=np.float32)

    @property
    def text(self) -> str:
        """LightGBM's own text form."""
        text: str = self.booster.model_to_string()
        return text

    @property
    def gains(self) -> Mapping[str, float]:
        """By feature, what its splits gained in all."""
        return dict(zip(self.names, self.booster.feature_importance("gain").tolist(), strict=True))


def fit_trees(examples: RankExamples, settings: RankerSettings, seed: int) -> Trees:
    """Fit trees on whether each example was right.

    Pointwise log-loss: in three windows of Complete Journey its ndcg@20 is above LambdaRank's, and it gives the
    probabilities that a smaller form learns from.
    """
    parameters = {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.min_examples,
        "lambda_l2": settings.l2,
        "feature_fraction": _FEATURES_OF_A_TREE,
        "bagging_fraction": _EXAMPLES_OF_A_TREE,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lightgbm.Dataset(examples.features, examples.labels, weight=examples.weights)
    return Trees(lightgbm.train(parameters, data, settings.trees), examples.names)
