"""Protocol `temporal`: learn before the cutoff, recommend at it, and see what was bought in the days after it.

Targets are all distinct recommendable items that a shopper with a history bought in the horizon; one that the model
cannot know is a miss. Two tasks: `all` (repeats count) and `new` (items that this shopper never bought before: known
ones are masked, and shoppers with none are left out). Lists come from `recommend`, 20 long, without display rules; what
these cost is the row `endcap (display rules)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Final

import numpy as np

from models.arrays import DAY_US, Int32, Int64
from models.errors import InputError
from models.placement import Known, Placement, Task
from models.snapshot import Snapshot
from models.vocabulary import Vocabulary
from training.data import TrainingData
from training.evaluate.held_out import Split
from training.evaluate.lists import ENDCAP, Asking, Question, ask
from training.evaluate.metrics import Targets
from training.evaluate.table import Judgement, Options, Pair, Row, Table, rows_of

K = 20
METRICS: Final = ("ndcg@20", "recall@20", "revenue@20")
TASKS: Final[dict[str, tuple[Task, Known]]] = {"all": ("personal", "keep"), "new": ("new_to_you", "mask")}
"""Name in the table -> the placement's task, and what happens to items bought before."""


@dataclass(frozen=True)
class Rival:
    """Another recipe's snapshot, fitted on the same shop before the same cutoff."""

    snapshot: Snapshot
    past: TrainingData


def temporal(
    snapshot: Snapshot,
    split: Split,
    placements: Mapping[Task, Placement],
    options: Options,
    rivals: Mapping[str, Rival] | None = None,
) -> Table:
    """Measure a snapshot that was fitted on `split.past`.

    placements: the served ones, by task. rivals: more rows by name, asked the same questions.
    Raises InputError if nobody with a history bought anything later.
    """
    started = perf_counter()
    rows: list[Row] = []
    pairs: list[Pair] = []
    for task, (served_task, known) in TASKS.items():
        placement = replace(placements[served_task], n=K, known=known)
        asking = Asking(snapshot, split.past, placement, options.models)
        judgement = _judgement(task, asking, split, options, rivals or {})
        if judgement is not None:
            task_rows, task_pairs = rows_of(judgement, METRICS, options.seed)
            rows += task_rows
            pairs += task_pairs
    if not rows:
        raise InputError(
            "none of the shoppers with an event before the cutoff bought anything after it; choose another --cutoff"
        )
    held_out = split.held_out
    horizon_days = (held_out.until_us - held_out.cutoff_us) / DAY_US
    seconds = perf_counter() - started
    return Table("temporal", tuple(rows), tuple(pairs), held_out.cutoff_us, horizon_days, seconds)


@dataclass(frozen=True)
class Asked:
    """Everybody's question of one task, and what was right; q questions."""

    questions: list[Question]
    targets: Targets
    """q sets of rows of `split.held_out.vocabulary`."""
    shoppers: Int64
    """Shape (q,): who asks, as a number of the held-out shoppers."""
    owners: Int64
    """Shape (q,): who asks, as a shopper number of the past."""


def asked(split: Split, known: Known) -> Asked | None:
    """Return a question per shopper with a history, and what they bought; None if nobody bought anything that counts.

    known: with `mask` only items that the shopper never bought before count.
    """
    held_out = split.held_out
    counts = split.seen_before()
    if known == "mask":
        counts &= ~held_out.repeats
    shoppers, numbers = np.unique(held_out.owners[counts].astype(np.int64), return_inverse=True)
    if not len(shoppers):
        return None
    targets = Targets.of(numbers, held_out.rows[counts], held_out.amounts[counts], len(shoppers))
    owners = split.owners_before(shoppers)
    return Asked([Question(owner) for owner in owners.tolist()], targets, shoppers, owners)


def _judgement(
    task: str, asking: Asking, split: Split, options: Options, rivals: Mapping[str, Rival]
) -> Judgement | None:
    """Ask every shopper's question and gather what they bought; None if nobody bought anything that counts."""
    found = asked(split, asking.placement.known)
    if found is None:
        return None
    progress = partial(options.progress, task)
    lists = ask(asking, found.questions, options.processes, progress)
    for name, rival in rivals.items():
        theirs = Asking(rival.snapshot, rival.past, asking.placement, (ENDCAP,))
        rows = ask(theirs, found.questions, options.processes, progress)[ENDCAP]
        lists[name] = _in_rows_of(asking.snapshot.vocabulary, rival.snapshot.vocabulary, rows)
    return Judgement(
        task=task,
        lists=lists,
        targets=found.targets,
        shoppers=found.shoppers,
        n_known=split.n_known(found.owners),
        demand=asking.demand,
    )


def _in_rows_of(ours: Vocabulary, theirs: Vocabulary, rows: Int32) -> Int32:
    """Translate lists, shape (q, k), from one vocabulary's rows to another's; -1 stays -1."""
    row_of = np.append(ours.rows(theirs.ids), np.int32(-1))
    return row_of[rows]
