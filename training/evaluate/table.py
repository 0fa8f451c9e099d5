"""From lists to figures: one row per model, with intervals, tests between any two, and what the lists show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from models.arrays import Float64, Int64, Mask
from models.vocabulary import Vocabulary
from training.evaluate.asked import Question
from training.evaluate.exposure import Demand
from training.evaluate.intervals import Comparison, Interval, PerUser, compare, intervals
from training.evaluate.lists import Lists, Rival
from training.evaluate.metrics import Targets, judge, measure

ALL = "all"
COLD_BELOW_ITEMS = 10
"""A shopper who knows fewer items is in the segment `cold`, the others are `warm`."""
NEW_USERS = "new users"
"""The segment of shoppers of whom nothing was known; asked as strangers, beside the shoppers of `all`."""
NEW_ITEMS = "new items"
"""The segment of targets that few shoppers knew: whoever has one, held against nothing else."""
NEW_BELOW_SHOPPERS = 5
"""An item that fewer shoppers knew is new, whatever a recipe calls warm."""


@dataclass(frozen=True)
class Options:
    """How to evaluate; nothing of it changes a list."""

    seed: int
    models: tuple[str, ...] | None = None
    """Rows wanted: a model's name, or the first word of several; None = all."""
    processes: int = 1
    progress: Callable[[str, int, int], None] = lambda _task, _done, _total: None
    """Called with the task, the questions answered and their number."""
    rivals: Mapping[str, Rival] = field(default_factory=dict)
    """More rows by name, asked the same questions."""


@dataclass(frozen=True)
class Row:
    """One model on one task for one segment of the shoppers."""

    model: str
    task: str
    segment: str
    n_shoppers: int
    metrics: Mapping[str, Interval]
    exposure: Mapping[str, float] = field(default_factory=dict)
    """What the lists show: `coverage`, `novelty`, `head`, `torso`, `tail`; for all shoppers only."""


@dataclass(frozen=True)
class Pair:
    """One model against another on one task, for all shoppers."""

    model: str
    against: str
    task: str
    metrics: Mapping[str, Comparison]


@dataclass(frozen=True)
class Judgement:
    """The lists of one task and all that they are held against; q lists."""

    task: str
    lists: Lists
    targets: Targets
    """q sets."""
    shoppers: Int64
    """Shape (q,): whose list it is, as a number; the unit of resampling."""
    n_known: Int64
    """Shape (q,): how many items that shopper's history has."""
    demand: Demand
    """What the lists could show, and how much it is asked for."""
    questions: Sequence[Question] = ()
    """q questions; owners are shopper numbers of the past."""
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(()))
    """What the rows of lists and targets are."""
    shopper_keys: Sequence[str] = ()
    """By number of `shoppers`; empty where the numbers stand for nobody in particular."""


@dataclass(frozen=True)
class Table:
    """What one protocol found."""

    protocol: str
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    cutoff_us: int | None
    """None where the protocol does not cut by time."""
    horizon_days: float | None
    evaluate_seconds: float
    judgements: tuple[Judgement, ...] = field(default=(), repr=False)
    """What the rows were made of, a task each: the lists themselves."""

    def metrics_of(self, task: str) -> tuple[str, ...]:
        """Return what is measured on a task; the first is what it is judged by."""
        return tuple(next(row for row in self.rows if row.task == task).metrics)

    def pair(self, task: str, model: str, against: str) -> Pair | None:
        """Return the test of two models on a task; None if one of them was not evaluated, or they are the same."""
        return next((p for p in self.pairs if (p.task, p.model, p.against) == (task, model, against)), None)


def rows_of(judgement: Judgement, metrics: tuple[str, ...], seed: int) -> tuple[list[Row], list[Pair]]:
    """Return the rows of one task, by segment, and the tests of every two models."""
    measured = {name: measure(judge(rows, judgement.targets), metrics) for name, rows in judgement.lists.items()}
    rows: list[Row] = []
    for segment, kept in segments(judgement.n_known).items():
        if kept.any():
            figures = {name: one[kept] for name, one in measured.items()}
            rows += _segment_rows(judgement, figures, metrics, segment=(segment, judgement.shoppers[kept]), seed=seed)
    rows += rows_of_segment(_of_new_items(judgement), metrics, NEW_ITEMS, seed)
    return rows, _pairs(judgement, measured, metrics, seed)


def rows_of_segment(judgement: Judgement, metrics: tuple[str, ...], segment: str, seed: int) -> list[Row]:
    """Return the rows of a segment that has questions or targets of its own; none if it has no questions."""
    if not len(judgement.targets):
        return []
    measured = {name: measure(judge(rows, judgement.targets), metrics) for name, rows in judgement.lists.items()}
    return _segment_rows(judgement, measured, metrics, segment=(segment, judgement.shoppers), seed=seed)


def _of_new_items(judgement: Judgement) -> Judgement:
    """Return the same lists, held against those of their targets alone that are new items."""
    known_to = judgement.demand.n_shoppers_of[judgement.targets.rows]
    places, targets = judgement.targets.where(known_to < NEW_BELOW_SHOPPERS)
    return replace(
        judgement,
        lists={name: rows[places] for name, rows in judgement.lists.items()},
        targets=targets,
        shoppers=judgement.shoppers[places],
        n_known=judgement.n_known[places],
        questions=[judgement.questions[place] for place in places.tolist()] if judgement.questions else (),
    )


def segments(n_known: Int64) -> dict[str, Mask]:
    """Return which questions, shape (q,), are of each segment, by what the history of each holds."""
    cold = n_known < COLD_BELOW_ITEMS
    return {ALL: np.ones(len(cold), dtype=np.bool_), "cold": cold, "warm": ~cold}


def _segment_rows(
    judgement: Judgement,
    measured: dict[str, Float64],
    metrics: tuple[str, ...],
    *,
    segment: tuple[str, Int64],
    seed: int,
) -> list[Row]:
    """segment: its name, and whose each list of it is; measured: by model, a line a list."""
    name, shoppers = segment
    # All models side by side: one resampling serves them all.
    users = PerUser.of(np.concatenate(list(measured.values()), axis=1), shoppers)
    found = iter(intervals(users, seed))
    return [
        Row(
            model=model,
            task=judgement.task,
            segment=name,
            n_shoppers=len(users.n_lists),
            metrics={metric: next(found) for metric in metrics},
            exposure=judgement.demand.exposure(lists) if name == ALL else {},
        )
        for model, lists in judgement.lists.items()
    ]


def _pairs(judgement: Judgement, measured: dict[str, Float64], metrics: tuple[str, ...], seed: int) -> list[Pair]:
    """Test every two models, in the order of the lists."""
    couples = list(combinations(measured, 2))
    if not couples:
        return []
    one = np.concatenate([measured[model] for model, _ in couples], axis=1)
    other = np.concatenate([measured[against] for _, against in couples], axis=1)
    found = iter(compare(PerUser.of(one, judgement.shoppers), PerUser.of(other, judgement.shoppers), seed))
    return [
        Pair(model, against, judgement.task, {metric: next(found) for metric in metrics}) for model, against in couples
    ]
