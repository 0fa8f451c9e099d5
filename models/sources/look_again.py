"""What this shopper had in hand lately, bought or not: most of a session returns to what was just seen."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.sources.answers import Few
from models.sources.base import Answer, Learned
from models.views import steps_back


@dataclass(frozen=True)
class LookAgain:
    """Scores the shopper's own items, newest first; the formula stands in training/fit/look_again.py."""

    name: ClassVar[str] = "look_again"

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Take nothing: the shopper's history has it all."""
        del learned
        return cls()

    def ask(self, context: Context) -> Answer:
        """Return a score for what the shopper liked: the newer, the higher."""
        return self._answer(context)

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items themselves: the shopper had them in hand."""
        answer = self._answer(context)
        themselves = answer.rows[:, None] == rows
        asked = np.flatnonzero(themselves.any(axis=1))
        return answer.rows[asked], np.where(themselves[asked], answer.scores[asked, None], 0)

    def _answer(self, context: Context) -> Few:
        return context.once(self.name, lambda: _newest_first(context))


def _newest_first(context: Context) -> Few:
    own = context.interactions
    liked = own.decayed > 0
    return Few(own.items[liked], np.reciprocal(1 + steps_back(own)[liked]))
