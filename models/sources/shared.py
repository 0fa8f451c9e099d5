"""What the sources with one list for everybody have in common: all but the name and what the order means."""

from dataclasses import dataclass
from typing import Self

from models.arrays import Float32, Int32, Mask
from models.context import Context
from models.ordered import OrderedRows
from models.sources.base import NO_ROWS, NO_SCORES, Learned


@dataclass(frozen=True)
class SharedList:
    """Rows in one order; no request changes it but by its mask."""

    ordered: OrderedRows

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rows (m,) int32, best first; scores (m,) float32."""
        return cls(OrderedRows(learned.arrays["rows"], learned.arrays["scores"]))

    def propose(self, context: Context, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the first rows of the list inside the mask."""
        del context
        return self.ordered.first(mask, k)

    def because(self, context: Context, row: int) -> tuple[Int32, Float32]:
        """Return nothing: no item of the shopper's carries it."""
        del context, row
        return NO_ROWS, NO_SCORES
