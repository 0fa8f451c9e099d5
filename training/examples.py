"""What a blend learns from: candidates of past questions, each right or not by what came after."""

import numpy as np

from models.arrays import Int64, Mask
from models.candidates import Candidates, gather
from models.context import Context
from models.errors import InputError
from models.placement import Placement
from models.rank import bought_before
from models.rules import eligible
from models.snapshot import Snapshot
from training.blend import LabelledCandidates
from training.config import Recipe
from training.evaluate import basket, temporal
from training.evaluate.held_out import HeldOut, Split
from training.evaluate.lists import Asking, Question
from training.evaluate.metrics import Targets


def examples_of(placement: Placement, snapshot: Snapshot, split: Split, recipe: Recipe) -> LabelledCandidates | None:
    """Ask the questions of the placement's task, and label the candidates; None if the task has no right answers.

    snapshot: fitted on `split.past`; its rankers are not used.
    """
    found = _asked(placement, snapshot, split, recipe.seed)
    if found is None:
        return None
    questions, targets = found
    drawn = _draw(len(questions), recipe.blend.max_examples, recipe.seed)
    asking = Asking(snapshot, split.past, placement)
    gathered = [_candidates(asking.context(questions[place]), asking) for place in drawn]
    labels = [np.isin(one.rows, targets.of_set(place)) for (one, _), place in zip(gathered, drawn, strict=True)]
    return LabelledCandidates(
        candidates=Candidates.joined([one for one, _ in gathered]),
        requests=np.repeat(np.arange(len(drawn), dtype=np.int32), [len(one) for one, _ in gathered]),
        bought=np.concatenate([bought for _, bought in gathered]),
        labels=np.concatenate(labels),
    )


def _asked(placement: Placement, snapshot: Snapshot, split: Split, seed: int) -> tuple[list[Question], Targets] | None:
    match placement.task:
        case "personal" | "new_to_you":
            found = temporal.asked(split, placement.known)
            return None if found is None else (found.questions, found.targets)
        case "complement":
            try:
                orders = basket.asked(split, snapshot, seed)
            except InputError:
                return None
            return orders.questions, orders.targets
        case "similar":
            return _instead(split.held_out, snapshot)


def _instead(held_out: HeldOut, snapshot: Snapshot) -> tuple[list[Question], Targets] | None:
    """For each later purchase ask which item of its category the same shopper bought next, given the first alone.

    What is bought after milk in general is bread: it goes with milk and is not similar to it. What is bought next of
    the same category path is what shoppers take instead. Items without a category are of one category.
    """
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
    targets = Targets.of(np.arange(len(anchors)), nexts, np.zeros(len(anchors)), len(anchors))
    return [Question(-1, (ids[row],)) for row in anchors.tolist()], targets


def _candidates(context: Context, asking: Asking) -> tuple[Candidates, Mask]:
    """Return the candidates of one question and whether its shopper bought each of them before."""
    mask = eligible(context, asking.snapshot.catalogue, asking.placement)
    found = gather(context, asking.snapshot.sources, asking.placement, mask)
    return found, bought_before(context, found)


def _draw(n: int, at_most: int, seed: int) -> Int64:
    """Return which of n questions are asked, in their order."""
    if n <= at_most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, at_most, replace=False))
