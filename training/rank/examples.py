"""What a ranker learns from: the features of past requests' best candidates, each right or not by what came after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Float32, Mask
from models.features import Features
from models.learned import log_odds_of
from models.rank import Blend
from models.topk import best_first
from training.examples import Answered
from training.ranker_settings import RankerSettings

_MISSING_COLUMNS = 0.25
"""Part of the columns that a request with missing sources lacks."""
_MOST_WORTH = 10.0
"""Times the mean that a right answer may count for its price: one sofa is not to drown all cushions."""


@dataclass(frozen=True)
class RankExamples:
    """Candidates of many requests as features."""

    names: tuple[str, ...]
    """Shape (f,)."""
    features: Float32
    """Shape (e, f)."""
    labels: Mask
    """Shape (e,): which were right."""
    weights: Float32
    """Shape (e,): how much each counts."""

    @property
    def n_right(self) -> int:
        """How many were right."""
        return int(self.labels.sum())

    @classmethod
    def joined(cls, several: Sequence["RankExamples"]) -> "RankExamples":
        """Lay examples of the same features one after another."""
        return cls(
            several[0].names,
            np.concatenate([one.features for one in several]),
            np.concatenate([one.labels for one in several]),
            np.concatenate([one.weights for one in several]),
        )


def rank_examples(
    found: Iterable[Answered], blend: Blend, features: Features, settings: RankerSettings, seed: int
) -> RankExamples:
    """Compute the features of each request's best candidates by the blend, as the ranker will be asked for them.

    Some requests lack columns: a placement that asks fewer sources is then nothing new.
    """
    rng = np.random.default_rng(seed)
    blocks, labels, values = [], [], []
    for one in found:
        gone = rng.random(len(one.candidates.sources)) < _MISSING_COLUMNS
        asked = _without(one, gone) if rng.random() < settings.missing_sources else one
        scores = blend.weigh(asked.context, asked.candidates).scores
        best = best_first(scores, asked.candidates.rows, settings.n_best)
        blocks.append(features.of(asked.context, asked.candidates.where(best), log_odds_of(scores[best])))
        labels.append(asked.labels[best])
        values.append(asked.values[best])
    right = np.concatenate(labels)
    weights = _weights(right, np.concatenate(values), settings)
    return RankExamples(features.names, np.concatenate(blocks), right, weights)


def _without(one: Answered, gone: Mask) -> Answered:
    kept = (one.candidates.proposed & ~gone).any(axis=1)
    return replace(one, candidates=one.candidates.without(gone), labels=one.labels[kept], values=one.values[kept])


def _weights(labels: Mask, values: Float32, settings: RankerSettings) -> Float32:
    """Return 1 for each example; under the objective `revenue`, what was paid for a right one over what is usual."""
    weights = np.ones(len(labels), dtype=np.float32)
    if settings.objective == "revenue" and values.any():
        weights[labels] = np.clip(values[labels] / values[values > 0].mean(), 1 / _MOST_WORTH, _MOST_WORTH)
    return weights
