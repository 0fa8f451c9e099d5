"""Protocol `temporal`: learn before the cutoff, recommend at it, and see what was bought in the days after it.

Targets are all distinct recommendable items that a shopper with a history bought in the horizon; one that the model
cannot know is a miss. Two tasks: `all` (repeats count) and `new` (items that this shopper never bought before: known
ones are masked, and shoppers with none are left out). Lists come from `recommend`, 20 long, without display rules; what
these cost is the row `endcap (display rules)`.

Who has no history is in none of these rows: the segment `new users` of `all` asks for them as for strangers.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Final

import numpy as np

from models.arrays import DAY_US, Mask
from models.errors import InputError
from models.placement import Known, Placement, Task
from models.snapshot import Snapshot
from training.evaluate.asked import Asked, Histories, Question
from training.evaluate.held_out import Split
from training.evaluate.judged import judgement_of
from training.evaluate.lists import Asking
from training.evaluate.metrics import Targets
from training.evaluate.table import NEW_USERS, Judgement, Options, Pair, Row, Table, rows_of, rows_of_segment

K = 20
METRICS: Final = ("ndcg@20", "recall@20", "revenue@20")
TASKS: Final[dict[str, tuple[Task, Known]]] = {"all": ("personal", "keep"), "new": ("new_to_you", "mask")}
"""Name in the table -> the placement's task, and what happens to items bought before."""


def temporal(snapshot: Snapshot, split: Split, placements: Mapping[Task, Placement], options: Options) -> Table:
    """Measure a snapshot that was fitted on `split.past`.

    placements: the served ones, by task.
    Raises InputError if nobody with a history bought anything later.
    """
    started = perf_counter()
    rows: list[Row] = []
    pairs: list[Pair] = []
    judgements: list[Judgement] = []
    for task, (served_task, known) in TASKS.items():
        placement = replace(placements[served_task], n=K, known=known)
        found = asked(split, known)
        if found is not None:
            asking = Asking(snapshot, split.past, placement, found.histories, options.models)
            judgements.append(judgement_of(task, asking, found, options))
            task_rows, task_pairs = rows_of(judgements[-1], METRICS, options.seed)
            rows += task_rows
            pairs += task_pairs
    rows += rows_of_strangers(snapshot, split, placements, options) if rows else []
    if not rows:
        raise InputError(
            "none of the shoppers with an event before the cutoff bought anything after it; "
            "choose another --cutoff, or another horizon_days in the training file"
        )
    held_out = split.held_out
    horizon_days = (held_out.until_us - held_out.cutoff_us) / DAY_US
    seconds = perf_counter() - started
    return Table("temporal", tuple(rows), tuple(pairs), held_out.cutoff_us, horizon_days, seconds, tuple(judgements))


def rows_of_strangers(
    snapshot: Snapshot, split: Split, placements: Mapping[Task, Placement], options: Options
) -> list[Row]:
    """Ask for those whose first event came after the cutoff, and return the rows of their segment."""
    task = "all"
    served_task, known = TASKS[task]
    found = strangers(split)
    if found is None:
        return []
    placement = replace(placements[served_task], n=K, known=known)
    asking = Asking(snapshot, split.past, placement, found.histories, options.models)
    judgement = replace(judgement_of(NEW_USERS, asking, found, options), task=task)
    return rows_of_segment(judgement, METRICS, NEW_USERS, options.seed)


def asked(split: Split, known: Known) -> Asked | None:
    """Return a question per shopper with a history, and what they bought; None if nobody bought anything that counts.

    known: with `mask` only items that the shopper never bought before count.
    """
    counts = split.seen_before()
    if known == "mask":
        counts &= ~split.held_out.repeats
    return _asked(split, counts)


def strangers(split: Split) -> Asked | None:
    """Return a question per shopper without an event before the cutoff, and what they bought; None if there is none."""
    return _asked(split, ~split.seen_before())


def _asked(split: Split, counts: Mask) -> Asked | None:
    """Return a question for each shopper of the held-out purchases that count, shape (n,)."""
    held_out = split.held_out
    shoppers, numbers = np.unique(held_out.owners[counts].astype(np.int64), return_inverse=True)
    if not len(shoppers):
        return None
    targets = Targets.of(numbers, held_out.rows[counts], held_out.amounts[counts], len(shoppers))
    owners = split.owners_before(shoppers)
    questions = [Question(owner) for owner in owners.tolist()]
    return Asked(questions, targets, shoppers, Histories.of_past(split.past), held_out.vocabulary, held_out.shoppers)
