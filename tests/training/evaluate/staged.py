"""What a stage learns from and asks, told in ids."""

from types import SimpleNamespace
from typing import cast

import numpy as np

from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.config import Recipe
from training.data import TrainingData
from training.evaluate.asked import Asked, Stage
from training.fitting import lay_out
from training.read import ShopData

RECIPE = Recipe(min_shoppers=1, seed=3)
MEMORY = RECIPE.memory.memory()


def laid_out(shop: ShopData, until_us: int, *, timeless: bool = False) -> TrainingData:
    return lay_out(shop, RECIPE, until_us, timeless=timeless)


def learned_pairs(past: TrainingData) -> set[tuple[str, str]]:
    """Every (shopper, item) that a fit may see."""
    ids = past.vocabulary.ids
    pairs = zip(past.events.owners.tolist(), past.events.items.tolist(), strict=True)
    return {(past.shoppers[owner], ids[row]) for owner, row in pairs}


def asked(stage: Stage, task: Task) -> Asked:
    """The questions of a task to nobody in particular."""
    nobody = cast(Snapshot, SimpleNamespace(vocabulary=stage.past.vocabulary))
    found = stage.ask(Placement("any", task, {}), nobody)
    assert found is not None
    return found


def told(stage: Stage, task: Task) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Every question as (shopper, what they did before, oldest first, what is right)."""
    found, lines = asked(stage, task), []
    for place, question in enumerate(found.questions):
        past = found.histories.history(question.owner).past
        oldest_first = np.argsort(past.rows.last_us, kind="stable")
        before = tuple(past.item_ids[at] for at in oldest_first.tolist())
        right = tuple(found.vocabulary.ids[row] for row in found.targets.of_set(place).tolist())
        lines.append((found.shopper_keys[found.shoppers[place]], before, right))
    return lines
