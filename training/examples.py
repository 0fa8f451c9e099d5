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
from training.processes import spread

_CHUNK = 64
"""Questions that a process takes at a time."""


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
    placement: Placement,
    snapshot: Snapshot,
    past: TrainingData,
    asked: Asked,
    at_most: int,
    seed: int,
    processes: int = 1,
) -> Iterator[Answered]:
    """Give the questions with their candidates, in order; where there are more than `at_most`, some drawn by seed.

    snapshot: fitted on the past; its rankers are not used. processes: change speed alone.
    Raises TrainingError if a process dies.
    """
    gathering = _Gathering(Asking(snapshot, past, placement, asked.histories), asked)
    places = drawn(len(asked.questions), at_most, seed)
    chunks = np.split(places, np.arange(_CHUNK, len(places), _CHUNK))
    with spread(_gather, gathering, chunks, processes) as found:
        for results in found:
            yield from results


@dataclass(frozen=True)
class _Gathering:
    """What all processes share. A process gets it by fork: nothing is copied."""

    asking: Asking
    asked: Asked


def _gather(gathering: _Gathering, places: Int64) -> list[Answered]:
    """Return some questions with their candidates, which of them were right, and what was paid for those."""
    snapshot, placement, targets = gathering.asking.snapshot, gathering.asking.placement, gathering.asked.targets
    results = []
    for place in places.tolist():
        context = gathering.asking.context(gathering.asked.questions[place])
        candidates = gather(context, snapshot.sources, placement, eligible(context, snapshot.catalogue, placement))
        right, paid = targets.of_set(place), targets.values_of_set(place)
        labels = np.isin(candidates.rows, right)
        values = np.zeros(len(labels), dtype=np.float32)
        values[labels] = paid[np.searchsorted(right, candidates.rows[labels])]
        results.append(Answered(context.fresh(), candidates, labels, values))
    return results


def examples_of(found: Sequence[Answered]) -> LabelledCandidates:
    """Return what a blend learns from questions."""
    return LabelledCandidates(
        candidates=Candidates.joined([one.candidates for one in found]),
        requests=np.repeat(np.arange(len(found), dtype=np.int32), [len(one.labels) for one in found]),
        bought=np.concatenate([bought_before(one.context, one.candidates) for one in found]),
        labels=np.concatenate([one.labels for one in found]),
    )


def drawn(n: int, at_most: int, seed: int) -> Int64:
    """Return which of n questions are asked, in their order; all of them where there are no more than that."""
    if n <= at_most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, at_most, replace=False))
