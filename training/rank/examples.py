"""What a ranker learns from: the features of past requests' best candidates, each right or not by what came after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Float32, Int32, Mask
from models.features import Features
from models.learned import look_at_best
from models.rank import Blend
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
    requests: Int32
    """Shape (e,): which request, from 0; equal ones side by side, each request's best by the blend first."""
    newest: int = 0
    """Where those of the newest stage begin, from which no ranker of a stage before has learned."""

    @property
    def n_right(self) -> int:
        """How many were right."""
        return int(self.labels.sum())


@dataclass(frozen=True)
class Lesson:
    """Requests of one stage."""

    found: Iterable[Answered]
    n_requests: int
    """At most so many are found."""
    features: Features
    """By the facts of that stage; of all lessons the same ones."""


def rank_examples(lessons: Sequence[Lesson], blend: Blend, settings: RankerSettings, seed: int) -> RankExamples:
    """Compute the features of each request's best candidates by the blend, as the ranker will be asked for them.

    lessons: oldest first. Some requests lack columns: a placement that asks fewer sources is then nothing new.
    """
    rng, names = np.random.default_rng(seed), lessons[0].features.names
    # Written where they stay: a list of blocks and their concatenation would be twice as much.
    at_most = sum(lesson.n_requests for lesson in lessons) * settings.n_best
    block = np.empty((at_most, len(names)), dtype=np.float32)
    n, newest, labels, values = 0, 0, [], []
    for lesson in lessons:
        newest = n
        for one in lesson.found:
            gone = rng.random(len(one.candidates.sources)) < _MISSING_COLUMNS
            asked = _without(one, gone) if rng.random() < settings.missing_sources else one
            scores = blend.weigh(asked.context, asked.candidates).scores
            best, looked_at = look_at_best(lesson.features, asked.context, asked.candidates, scores, settings.n_best)
            block[n : n + len(best)] = looked_at
            labels.append(asked.labels[best])
            values.append(asked.values[best])
            n += len(best)
    right = np.concatenate([np.zeros(0, dtype=np.bool_), *labels])
    weights = _weights(right, np.concatenate([np.zeros(0, dtype=np.float32), *values]), settings)
    requests = np.repeat(np.arange(len(labels), dtype=np.int32), [len(one) for one in labels])
    return RankExamples(names, block[:n], right, weights, requests, newest)


def _without(one: Answered, gone: Mask) -> Answered:
    kept = (one.candidates.proposed & ~gone).any(axis=1)
    return replace(one, candidates=one.candidates.without(gone), labels=one.labels[kept], values=one.values[kept])


def _weights(labels: Mask, values: Float32, settings: RankerSettings) -> Float32:
    """Return 1 for each example; under the objective `revenue`, what was paid for a right one over what is usual."""
    weights = np.ones(len(labels), dtype=np.float32)
    if settings.objective == "revenue" and values.any():
        weights[labels] = np.clip(values[labels] / values[values > 0].mean(), 1 / _MOST_WORTH, _MOST_WORTH)
    return weights
