"""What the sources with a table of neighbours have in common: all but the name and what the table says."""

from dataclasses import dataclass
from typing import Self

from models.arrays import Float32, Int32
from models.context import Context
from models.neighbours import Neighbours
from models.sources.answers import Silence, Sums
from models.sources.base import Answer, Learned
from models.sources.query import query_of


@dataclass(frozen=True)
class Table:
    """Adds up, over the items asked about, how near they are to each candidate."""

    neighbours: Neighbours
    query_items: int
    """At most so many items are asked about, the heaviest ones."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rows (L, K) int32; weights (L, K) float32. Settings: query_items."""
        neighbours = Neighbours(learned.arrays["rows"], learned.arrays["weights"])
        return cls(neighbours, int(learned.settings["query_items"]))

    def ask(self, context: Context) -> Answer:
        """Return how near rows are to the anchors, or to the shopper's items."""
        rows, weights = self._query(context)
        if not len(rows):
            return Silence()
        reached = self.neighbours.of(rows[0]) if len(rows) == 1 else None
        return Sums(self.neighbours.sums(rows, weights), reached)

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items asked about, and what each that has a row among its neighbours adds to it."""
        asked, weights = self._query(context)
        return asked, self.neighbours.contributions(asked, weights, rows)

    def _query(self, context: Context) -> tuple[Int32, Float32]:
        return query_of(context, len(self.neighbours), self.query_items)
