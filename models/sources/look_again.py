"""What this shopper had in hand lately, bought or not: most of a session returns to what was just seen."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.sources.base import Learned
from models.sources.own import Own
from models.views import steps_back


@dataclass(frozen=True)
class LookAgain(Own):
    """Scores the shopper's own items, newest first; the formula stands in training/fit/look_again.py."""

    name: ClassVar[str] = "look_again"

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Take nothing: the shopper's history has it all."""
        del learned
        return cls()

    def scored(self, context: Context) -> tuple[Int32, Float32]:
        """Return what the shopper liked, each row shape (m,): the newer, the higher."""
        own = context.interactions
        liked = own.decayed > 0
        return own.items[liked], np.reciprocal(1 + steps_back(own)[liked])
