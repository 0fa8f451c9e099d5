"""What the shop's shoppers like these days, the same for everybody."""

from dataclasses import dataclass
from typing import ClassVar, Self

from models.arrays import Float32, Int32, Mask
from models.context import Context
from models.ordered import OrderedRows
from models.sources.base import NO_ROWS, NO_SCORES, Learned


@dataclass(frozen=True)
class Popular:
    """The rows that anybody ever liked, by the number of shoppers who did so lately."""

    name: ClassVar[str] = "popular"
    ordered: OrderedRows

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rows (m,) int32, best first; scores (m,) float32."""
        return cls(OrderedRows(learned.arrays["rows"], learned.arrays["scores"]))

    def propose(self, context: Context, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the most popular rows inside the mask; scores count shoppers, faded by age."""
        del context
        return self.ordered.first(mask, k)

    def because(self, context: Context, row: int) -> tuple[Int32, Float32]:
        """Return nothing: no item of the shopper's carries it."""
        del context, row
        return NO_ROWS, NO_SCORES
