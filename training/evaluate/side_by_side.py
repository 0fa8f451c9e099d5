"""A few questions that two models answered, with both lists in the shop's own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Float64, Mask
from training.evaluate.metrics import judge, measure
from training.evaluate.table import Judgement

GAIN: Final = "greatest gain"
LOSS: Final = "greatest loss"
TYPICAL: Final = "typical"


@dataclass(frozen=True)
class Shown:
    """One place of a list."""

    item_id: str
    title: str
    right: bool
    """Whether it is what the shopper came to."""


@dataclass(frozen=True)
class SideBySide:
    """One question and both answers."""

    kind: str
    """GAIN, LOSS or TYPICAL."""
    task: str
    shopper_key: str
    """Who asked, for the eyes of the engineer alone: it is printed, and written to no file. Empty for nobody."""
    n_known: int
    """Items in the history of whoever asks."""
    n_right: int
    """Items that would have been right."""
    anchors: tuple[str, ...]
    """Titles of what the question is about: a cart, a page."""
    metric: str
    figures: tuple[float, float]
    """Of the one list and of the other."""
    lists: tuple[tuple[Shown, ...], tuple[Shown, ...]]


def side_by_side(
    judgement: Judgement, metric: str, models: tuple[str, str], title_of: Mapping[str, str], seed: int
) -> tuple[SideBySide, ...]:
    """Return the question that the one model gains most on, the one it loses most on, and a typical one.

    title_of: by item id. Of several equal questions the seed draws one; a kind that there is not (nobody gained) is
    left out.
    """
    lists = [judgement.lists[model] for model in models]
    figures = [measure(judge(rows, judgement.targets), (metric,))[:, 0] for rows in lists]
    differ = (lists[0] != lists[1]).any(axis=1)
    chosen = _chosen(figures[0] - figures[1], differ, np.random.default_rng(seed))
    return tuple(
        SideBySide(
            kind=kind,
            task=judgement.task,
            shopper_key=judgement.shopper_keys[judgement.shoppers[number]] if len(judgement.shopper_keys) else "",
            n_known=int(judgement.n_known[number]),
            n_right=int(judgement.targets.sizes[number]),
            anchors=tuple(title_of.get(anchor) or anchor for anchor in judgement.questions[number].anchors),
            metric=metric,
            figures=(float(figures[0][number]), float(figures[1][number])),
            lists=(
                _told(judgement, models[0], number, title_of),
                _told(judgement, models[1], number, title_of),
            ),
        )
        for kind, number in chosen.items()
    )


def _chosen(differences: Float64, differ: Mask, rng: np.random.Generator) -> dict[str, int]:
    """Return the kinds that there are, and the number of one question of each."""
    found = {}
    if differences.max(initial=0.0) > 0:
        found[GAIN] = _drawn(differences == differences.max(), rng)
    if differences.min(initial=0.0) < 0:
        found[LOSS] = _drawn(differences == differences.min(), rng)
    if differ.any():
        # Where both lists are the same there is nothing to see.
        distances = np.where(differ, np.abs(differences - np.median(differences[differ])), np.inf)
        found[TYPICAL] = _drawn(distances == distances.min(), rng)
    return found


def _drawn(among: Mask, rng: np.random.Generator) -> int:
    return int(rng.choice(np.flatnonzero(among)))


def _told(judgement: Judgement, model: str, number: int, title_of: Mapping[str, str]) -> tuple[Shown, ...]:
    ids, right = judgement.vocabulary.ids, set(judgement.targets.of_set(number).tolist())
    rows = judgement.lists[model][number].tolist()
    return tuple(Shown(ids[row], title_of.get(ids[row]) or "", row in right) for row in rows if row >= 0)
