"""A few shoppers of the horizon by seed: what they had bought, what they would have been shown, what they bought then.

What is told is no person's record: no ids, times, prices or counts, and of what was bought only items that enough
shoppers bought for the collaborative sources (`min_shoppers`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import Int32, Mask
from models.context import Context
from models.placement import Placement
from models.recommend import Recommendation, recommend
from models.told import ToldItem, tell
from training.evaluate.lists import Asking
from training.rank.trees import Trees
from training.report.questions import TaskQuestions
from training.report.shown import shown
from training.report.trees import added_by_feature, features_of
from training.trial import Trial

EXAMPLES: Final = 3
"""Of one task."""
_KNOWN, _MISSED, _LISTED, _FEATURES = 8, 5, 10, 8


@dataclass(frozen=True)
class ExampleItem:
    """One recommended item."""

    position: int
    item_id: str
    title: str
    score: float | None
    source: str
    text: str
    """The reason, as a shop may print it."""
    hit: bool
    adds: dict[str, float]
    """Source -> log-odds that it adds; those that add nothing are left out."""
    features: dict[str, float]
    """Feature -> what it adds to the score of the trees that the ranker was made from; the largest, or none."""


@dataclass(frozen=True)
class Example:
    """One shopper (or order) of the horizon."""

    asked_about: tuple[str, ...]
    """Titles in the cart."""
    knew: tuple[str, ...]
    """Titles of what the shopper knew, the newest first."""
    n_knew: int
    n_bought: int
    """Distinct items in the horizon that count."""
    items: tuple[ExampleItem, ...]
    missed: tuple[str, ...]
    """Titles of what was bought and is not in the list."""


def examples_of(
    trial: Trial, questions: TaskQuestions, placement: Placement, trees: Trees | None, seed: int
) -> tuple[Example, ...]:
    """Return examples of one task, as served: with display rules, and as long as a page's list.

    placement: the served one. trees: those behind its ranker, if it was learned.
    """
    n = len(questions.asked.questions)
    drawn = np.random.default_rng([seed, n]).choice(n, min(n, EXAMPLES), replace=False)
    served = replace(questions.placement, n=min(placement.n, _LISTED))
    asking = Asking(trial.snapshot, trial.split.past, served, questions.asked.histories)
    return tuple(_example(trial, asking, questions, trees, place) for place in drawn.tolist())


def _example(trial: Trial, asking: Asking, questions: TaskQuestions, trees: Trees | None, place: int) -> Example:
    snapshot, data = trial.snapshot, trial.sources.data
    context = asking.context(questions.asked.questions[place])
    answered = recommend(context, snapshot, asking.placement)
    targets = questions.asked.targets.of_set(place)
    knew = context.interactions.items
    missed = targets[~np.isin(targets, answered.rows)]
    return Example(
        asked_about=_titles(trial, context.anchors[context.anchors < data.n_warm], _KNOWN),
        knew=_titles(trial, knew[knew < data.n_warm], _KNOWN),
        n_knew=len(knew),
        n_bought=len(targets),
        items=_items(context, trial, answered, targets, _by_feature(context, asking, answered.rows, trees)),
        missed=_titles(trial, missed[missed < data.n_warm], _MISSED),
    )


def _by_feature(context: Context, asking: Asking, rows: Int32, trees: Trees | None) -> list[dict[str, float]]:
    """Return for each listed row the features that move it most, by what they add."""
    features = features_of(rows, context, asking.snapshot, asking.placement) if trees is not None else None
    if trees is None or features is None or not len(rows):
        return [{} for _ in rows]
    seen: Mask = np.logical_or.reduce(~np.isnan(features), axis=1)
    found = []
    for line, is_seen in zip(added_by_feature(trees, features).tolist(), seen.tolist(), strict=True):
        most = sorted(zip(trees.names, line, strict=True), key=lambda one: -abs(one[1]))[:_FEATURES]
        found.append({name: round(added, 3) for name, added in most} if is_seen else {})
    return found


def _items(
    context: Context, trial: Trial, answered: Recommendation, targets: Int32, features: list[dict[str, float]]
) -> tuple[ExampleItem, ...]:
    told = tell(context, trial.snapshot, answered)
    hits, shares = np.isin(answered.rows, targets).tolist(), answered.shares.tolist()
    return tuple(
        ExampleItem(
            position=one.position,
            item_id=shown(one.item_id),
            title=shown(one.title or one.item_id),
            score=one.score,
            source=one.source,
            text=shown(_reason(one, trial)),
            hit=hit,
            adds={
                source: round(share, 3) for source, share in zip(answered.sources, line, strict=True) if round(share, 3)
            },
            features=of_features,
        )
        for one, hit, line, of_features in zip(told, hits, shares, features, strict=True)
    )


def _reason(one: ToldItem, trial: Trial) -> str:
    """Return the sentence, unless it names something of the shopper's that few others bought."""
    rows = [trial.snapshot.vocabulary.row(item_id) for item_id in one.because_of]
    return one.text if all(row < trial.sources.data.n_warm for row in rows) else one.source


def _titles(trial: Trial, rows: Int32, most: int) -> tuple[str, ...]:
    titles: Sequence[str] = trial.snapshot.catalogue.titles
    ids = trial.snapshot.vocabulary.ids
    return tuple(shown(titles[row] or ids[row]) for row in rows[:most].tolist())
