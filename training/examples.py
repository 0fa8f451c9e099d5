"""What a blend learns from: candidates of past questions, each right or not by what came after."""

import numpy as np

from models.arrays import Int64, Mask
from models.candidates import Candidates, gather
from models.context import Context
from models.placement import Placement
from models.rank import bought_before
from models.rules import eligible
from models.snapshot import Snapshot
from training.blend import LabelledCandidates
from training.config import Recipe
from training.evaluate.asked import Stage
from training.evaluate.lists import Asking


def examples_of(placement: Placement, snapshot: Snapshot, stage: Stage, recipe: Recipe) -> LabelledCandidates | None:
    """Ask the questions of the placement's task, and label the candidates; None if the task has no right answers.

    snapshot: fitted on `stage.past`; its rankers are not used.
    """
    found = stage.ask(placement, snapshot)
    if found is None:
        return None
    drawn = _draw(len(found.questions), recipe.blend.max_examples, recipe.seed)
    asking = Asking(snapshot, stage.past, placement, found.histories)
    gathered = [_candidates(asking.context(found.questions[place]), asking) for place in drawn]
    labels = [np.isin(one.rows, found.targets.of_set(place)) for (one, _), place in zip(gathered, drawn, strict=True)]
    return LabelledCandidates(
        candidates=Candidates.joined([one for one, _ in gathered]),
        requests=np.repeat(np.arange(len(drawn), dtype=np.int32), [len(one) for one, _ in gathered]),
        bought=np.concatenate([bought for _, bought in gathered]),
        labels=np.concatenate(labels),
    )


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
