"""A few shoppers of the horizon by seed: what they had bought, what they would have been shown, what they bought then.

What is told is no person's record: no ids, times, prices or amounts, and of what was bought only items that at least
KNOWN_TO shoppers knew.
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
from training.evaluate.asked import Asked
from training.evaluate.lists import Asking
from training.rank.trees import Trees
from training.report.questions import TaskQuestions
from training.report.shown import shown
from training.report.trees import added_by_feature, features_of
from training.trial import Trial

EXAMPLES: Final = 3
"""Of one task."""
KNOWN_TO: Final = 5
"""Shoppers, before the cutoff."""
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
    asked = questions.asked
    n = len(asked.questions)
    drawn = np.random.default_rng([seed, n]).choice(n, min(n, EXAMPLES), replace=False)
    served = replace(questions.placement, n=min(placement.n, _LISTED))
    asking = Asking(trial.snapshot, trial.split.past, served, asked.histories)
    known = asking.demand.over(len(asked.vocabulary)).n_shoppers_of >= KNOWN_TO
    teller = _Teller(asking, trees, asked.vocabulary.ids, known)
    return tuple(teller.example(asked, place) for place in drawn.tolist())


@dataclass(frozen=True)
class _Teller:
    """What all examples of a task are told with."""

    asking: Asking
    trees: Trees | None
    ids: Sequence[str]
    """Shape (n,): of all rows, also those that only the horizon knows."""
    known: Mask
    """Shape (n,): rows that may be told of somebody."""

    def example(self, asked: Asked, place: int) -> Example:
        context, targets = self.asking.context(asked.questions[place]), asked.targets.of_set(place)
        answered = recommend(context, self.asking.snapshot, self.asking.placement)
        knew = context.interactions.items
        return Example(
            asked_about=self._titles(context.anchors, _KNOWN),
            knew=self._titles(knew, _KNOWN),
            n_knew=len(knew),
            n_bought=len(targets),
            items=self._items(context, answered, targets),
            missed=self._titles(targets[~np.isin(targets, answered.rows)], _MISSED),
        )

    def _items(self, context: Context, answered: Recommendation, targets: Int32) -> tuple[ExampleItem, ...]:
        told = tell(context, self.asking.snapshot, answered)
        hits, shares = np.isin(answered.rows, targets).tolist(), answered.shares.tolist()
        by_feature = self._by_feature(context, answered.rows)
        return tuple(
            ExampleItem(
                position=one.position,
                item_id=shown(one.item_id),
                title=shown(one.title or one.item_id),
                score=one.score,
                source=one.source,
                text=shown(self._reason(one)),
                hit=hit,
                adds=_told(dict(zip(answered.sources, line, strict=True))),
                features=features,
            )
            for one, hit, line, features in zip(told, hits, shares, by_feature, strict=True)
        )

    def _by_feature(self, context: Context, rows: Int32) -> list[dict[str, float]]:
        """Return for each listed row the features that move it most, by what they add."""
        features = features_of(rows, context, self.asking.snapshot, self.asking.placement) if self.trees else None
        if self.trees is None or features is None or not len(rows):
            return [{} for _ in rows]
        seen: Mask = np.logical_or.reduce(~np.isnan(features), axis=1)
        found = []
        for line, is_seen in zip(added_by_feature(self.trees, features).tolist(), seen.tolist(), strict=True):
            most = sorted(zip(self.trees.names, line, strict=True), key=lambda one: -abs(one[1]))[:_FEATURES]
            found.append(_told(dict(most)) if is_seen else {})
        return found

    def _reason(self, one: ToldItem) -> str:
        """Return the sentence, unless it names something of the shopper's that few others know."""
        rows = self.asking.snapshot.vocabulary.rows(one.because_of)
        return one.text if self.known[rows].all() else one.source

    def _titles(self, rows: Int32, most: int) -> tuple[str, ...]:
        titles = self.asking.snapshot.catalogue.titles
        told = rows[self.known[rows]][:most].tolist()
        return tuple(shown((titles[row] if row < len(titles) else "") or self.ids[row]) for row in told)


def _told(added: dict[str, float]) -> dict[str, float]:
    """Leave out what adds nothing, or too little to be told."""
    return {name: round(amount, 3) for name, amount in added.items() if round(amount, 3)}
