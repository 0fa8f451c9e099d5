"""Gradient boosted trees over features: the teacher of the form that serves. LightGBM; Ke et al., NIPS 2017."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from models.arrays import Float32, Int64
from training.rank.examples import RankExamples
from training.ranker_settings import RankerSettings

_FEATURES_OF_A_TREE, _EXAMPLES_OF_A_TREE = 0.5, 0.8
_EXAMPLES_FOR_BINS = 50_000


@dataclass(frozen=True)
class Trees:
    """Fitted trees."""

    booster: lightgbm.Booster
    names: tuple[str, ...]

    def __call__(self, features: Float32) -> Float32:
        """Return log-odds of success of each row of features, shape (c, f) -> (c,)."""
        # One thread: a process that is forked from one whose OpenMP had more would wait for them for ever.
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


@dataclass(frozen=True)
class Binned:
    """Examples as LightGBM holds them: every feature cut into bins, once for all trees that are fitted on them."""

    names: tuple[str, ...]
    data: lightgbm.Dataset

    @classmethod
    def of(cls, examples: RankExamples, settings: RankerSettings, seed: int) -> "Binned":
        """Cut the features of all examples into bins."""
        data = lightgbm.Dataset(
            examples.features, examples.labels, weight=examples.weights, params=_parameters(settings, seed)
        )
        return cls(examples.names, data.construct())

    def only(self, places: Int64) -> "Binned":
        """Return some of the examples, named by their places, in the same bins."""
        return Binned(self.names, self.data.subset(places.tolist()))


def fit_trees(binned: Binned, settings: RankerSettings, seed: int) -> Trees:
    """Fit trees on whether each example was right.

    Pointwise log-loss: in three windows of Complete Journey its ndcg@20 is above LambdaRank's, and it gives the
    probabilities that a smaller form learns from.
    """
    return Trees(lightgbm.train(_parameters(settings, seed), binned.data, settings.trees), binned.names)


def _parameters(settings: RankerSettings, seed: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.min_examples,
        "lambda_l2": settings.l2,
        "feature_fraction": _FEATURES_OF_A_TREE,
        "bagging_fraction": _EXAMPLES_OF_A_TREE,
        "bagging_freq": 1,
        "bin_construct_sample_cnt": _EXAMPLES_FOR_BINS,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
