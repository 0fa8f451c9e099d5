"""What rankings are learned from: candidates of past questions, each right or not by what came after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int64, Mask
from models.candidates import Candidates, gather
from models.context import Context
from models.placement import Placement
from models.rank import bought_before
from models.rules import eligible
from models.snapshot import Snapshot
from training.blend import LabelledCandidates
from training.data import TrainingData
from training.evaluate.asked import Asked
from training.evaluate.lists import Asking


@dataclass(frozen=True)
class Answered:
    """One question of the past and what is known of it by now."""

    context: Context
    candidates: Candidates
    labels: Mask
    """Shape (c,): which candidates were right."""
    values: Float32
    """Shape (c,): what was paid for those that were, in money; 0 for the others."""


def answered(
    placement: Placement, snapshot: Snapshot, past: TrainingData, asked: Asked, at_most: int, seed: int
) -> Iterator[Answered]:
    """Give the questions with their candidates, in order; where there are more than `at_most`, some drawn by seed.

    snapshot: fitted on the past; its rankers are not used.
    """
    asking = Asking(snapshot, past, placement, asked.histories)
    for place in _draw(len(asked.questions), at_most, seed).tolist():
        context = asking.context(asked.questions[place])
        candidates = gather(context, snapshot.sources, placement, eligible(context, snapshot.catalogue, placement))
        right, paid = asked.targets.of_set(place), asked.targets.values_of_set(place)
        labels = np.isin(candidates.rows, right)
        values = np.zeros(len(labels), dtype=np.float32)
        values[labels] = paid[np.searchsorted(right, candidates.rows[labels])]
        yield Answered(context, candidates, labels, values)


def examples_of(found: Sequence[Answered]) -> LabelledCandidates:
    """Return what a blend learns from questions."""
    return LabelledCandidates(
        candidates=Candidates.joined([one.candidates for one in found]),
        requests=np.repeat(np.arange(len(found), dtype=np.int32), [len(one.labels) for one in found]),
        bought=np.concatenate([bought_before(one.context, one.candidates) for one in found]),
        labels=np.concatenate([one.labels for one in found]),
    )


def _draw(n: int, at_most: int, seed: int) -> Int64:
    """Return which of n questions are asked, in their order."""
    if n <= at_most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, at_most, replace=False))
