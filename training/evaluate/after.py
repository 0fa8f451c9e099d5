"""What the days after a cutoff show, task by task: what each shopper bought, what went together, what came instead."""

from functools import partial

import numpy as np

from models.errors import InputError
from models.placement import Placement
from models.snapshot import Snapshot
from training.evaluate import basket, temporal
from training.evaluate.asked import Asked, Histories, Question, Stage
from training.evaluate.held_out import Split
from training.evaluate.metrics import Targets


def stage_of(split: Split, seed: int) -> Stage:
    """Return the stage that ends at the split's cutoff, with the questions that its horizon answers."""
    return Stage(split.past, partial(_asked, split, seed))


def _asked(split: Split, seed: int, placement: Placement, snapshot: Snapshot) -> Asked | None:
    match placement.task:
        case "personal" | "new_to_you":
            return temporal.asked(split, placement.known)
        case "complement":
            try:
                return basket.asked(split, snapshot, seed)
            except InputError:
                return None
        case "similar":
            return _instead(split, snapshot)


def _instead(split: Split, snapshot: Snapshot) -> Asked | None:
    """For each later purchase ask which item of its category the same shopper bought next, given the first alone.

    What is bought after milk in general is bread: it goes with milk and is not similar to it. What is bought next of
    the same category path is what shoppers take instead. Items without a category are of one category.
    """
    held_out = split.held_out
    category = np.full(len(held_out.vocabulary), -1, dtype=np.int64)
    category[: len(snapshot.catalogue)] = snapshot.catalogue.category_numbers
    known = np.flatnonzero(held_out.rows < len(snapshot.catalogue))
    # Purchases lie by shopper and time; a stable sort keeps the time within a shopper's category.
    order = known[np.lexsort((category[held_out.rows[known]], held_out.owners[known]))]
    rows, owners = held_out.rows[order], held_out.owners[order]
    follows = (owners[1:] == owners[:-1]) & (category[rows[1:]] == category[rows[:-1]]) & (rows[1:] != rows[:-1])
    anchors, nexts = rows[:-1][follows], rows[1:][follows]
    if not len(anchors):
        return None
    ids = snapshot.vocabulary.ids
    return Asked(
        questions=[Question(-1, (ids[row],)) for row in anchors.tolist()],
        targets=Targets.of(np.arange(len(anchors)), nexts, np.zeros(len(anchors)), len(anchors)),
        shoppers=owners[:-1][follows].astype(np.int64),
        histories=Histories.of_past(split.past),
        vocabulary=held_out.vocabulary,
    )
