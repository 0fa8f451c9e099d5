"""What the sources with one list for everybody have in common: all but the name and what the order means."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.ordered import OrderedRows
from models.sources.answers import Shared
from models.sources.base import NO_ROWS, NO_SCORES, Answer, Learned


@dataclass(frozen=True)
class SharedList:
    """Rows in one order; no request changes it but by its mask."""

    answer: Shared

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rows (m,) int32, best first; scores (m,) float32."""
        rows, scores = learned.arrays["rows"], learned.arrays["scores"]
        by_row = np.full(int(rows.max(initial=-1)) + 1, np.nan, dtype=np.float32)
        by_row[rows] = scores
        return cls(Shared(OrderedRows(rows, scores), by_row))

    def ask(self, context: Context) -> Answer:
        """Return the list."""
        del context
        return self.answer

    def because(self, context: Context, row: int) -> tuple[Int32, Float32]:
        """Return nothing: no item of the shopper's carries it."""
        del context, row
        return NO_ROWS, NO_SCORES
