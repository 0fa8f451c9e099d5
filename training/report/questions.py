"""Who is asked for the report, and what was right: everybody, or as many as suffice, drawn by seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import Int64
from models.placement import Known, Placement, Task
from training.evaluate import basket, temporal
from training.evaluate.after import stage_of
from training.evaluate.asked import Asked
from training.evaluate.metrics import Targets
from training.trial import Trial

MOST_QUESTIONS: Final = 100
"""Of one task. Five hundred shoppers tell ndcg@20 to about .02, in seconds, however large the shop is: every row asks
for itself, 20 ms a question on Complete Journey. What a gate decides on is measured on everybody, apart from this."""


@dataclass(frozen=True)
class Measuring:
    """How a task is measured."""

    task: str
    """As tables name it."""
    protocol: str
    n: int
    metrics: tuple[str, ...]
    known: Known | None = None
    """What happens to items bought before; None = as the placement says."""


MEASURED: Final[Mapping[Task, Measuring]] = {
    "personal": Measuring("all", "temporal", temporal.K, temporal.METRICS, "keep"),
    "new_to_you": Measuring("new", "temporal", temporal.K, temporal.METRICS, "mask"),
    "complement": Measuring(basket.TASK, "basket", basket.K, basket.METRICS),
    "similar": Measuring("instead", "next of the same category", basket.K, basket.METRICS),
}
"""The first two are what the gate measures; the last asks what blends and rankers of `similar` learn from."""


@dataclass(frozen=True)
class TaskQuestions:
    """One task as it is asked."""

    measured: Measuring
    placement: Placement
    """The served one, with the n and the `known` of the task."""
    asked: Asked
    n_possible: int
    """Questions before any were drawn."""


def questions_of(trial: Trial, placements: Mapping[Task, Placement], seed: int) -> list[TaskQuestions]:
    """Return the questions of every task that the horizon has answers to.

    placements: the served ones, by task.
    """
    stage, found = stage_of(trial.split, seed), []
    for task, measured in MEASURED.items():
        if task not in placements:
            continue
        served = placements[task]
        placement = replace(served, n=measured.n, known=measured.known or served.known)
        asked = stage.ask(placement, trial.snapshot)
        if asked is None:
            continue
        n = len(asked.questions)
        if n > MOST_QUESTIONS:
            asked = taken(asked, np.sort(np.random.default_rng(seed).choice(n, MOST_QUESTIONS, replace=False)))
        found.append(TaskQuestions(measured, placement, asked, n))
    return found


def taken(asked: Asked, places: Int64) -> Asked:
    """Return the questions at some places, shape (p,), and their targets."""
    targets, sizes = asked.targets, asked.targets.sizes[places]
    ends = np.cumsum(sizes)
    at = np.arange(int(sizes.sum())) + np.repeat(targets.offsets[places] - (ends - sizes), sizes)
    return replace(
        asked,
        questions=[asked.questions[place] for place in places.tolist()],
        targets=Targets(np.append(0, ends), targets.rows[at], targets.values[at]),
        shoppers=asked.shoppers[places],
    )
