"""What the sources of the shopper's own items have in common: all but the name and the score."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.sources.answers import Few
from models.sources.base import Answer


class Own(ABC):
    """Scores items of the shopper's interactions, and gives each as its own reason."""

    name: ClassVar[str]

    def ask(self, context: Context) -> Answer:
        """Return a score of the shopper's own items, worked out once for all questions that share them."""
        return self._answer(context)

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items themselves."""
        answer = self._answer(context)
        themselves = answer.rows[:, None] == rows
        asked = np.flatnonzero(themselves.any(axis=1))
        return answer.rows[asked], np.where(themselves[asked], answer.scores[asked, None], 0)

    @abstractmethod
    def scored(self, context: Context) -> tuple[Int32, Float32]:
        """Return rows of the interactions and their scores, each shape (m,)."""

    def _answer(self, context: Context) -> Few:
        return context.once(self.name, lambda: Few(*self.scored(context)))
