"""Items that the catalogue describes like what is asked about, or whose own vectors of the shop are near."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.index import Index
from models.sources.answers import Nearest, Silence
from models.sources.base import NO_ROWS, NO_SCORES, Answer, Learned
from models.sources.query import query_of


@dataclass(frozen=True)
class Content:
    """Nearest by cosine to the anchors, or to the mean of the shopper's items; knows items nobody has bought yet."""

    name: ClassVar[str] = "content"
    index: Index
    """Unit vectors of all bundle rows; a row of which nothing is known is 0."""
    query_items: int
    """At most so many items are asked about, the heaviest ones."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Index: unit vectors (L, D). Settings: query_items."""
        if learned.index is None:
            raise KeyError("index")
        return cls(learned.index, int(learned.settings["query_items"]))

    def ask(self, context: Context) -> Answer:
        """Return cosines to what is asked about; only those above 0 are proposed."""
        rows, parts = self._query(context)
        profile = parts @ self.index.vectors[rows]
        return Nearest(self.index, profile, above=0.0) if profile.any() else Silence()

    def because(self, context: Context, row: int) -> tuple[Int32, Float32]:
        """Return the items asked about that resemble this row, and each one's part of the cosine."""
        rows, parts = self._query(context)
        if row >= len(self.index):
            return NO_ROWS, NO_SCORES
        added = parts * (self.index.vectors[rows] @ self.index.vectors[row])
        resembling = np.flatnonzero(added > 0)
        return rows[resembling], added[resembling]

    def _query(self, context: Context) -> tuple[Int32, Float32]:
        """Return rows and the part, shape (q,), of each in a profile of length 1: sum of part * vector."""
        rows, weights = query_of(context, len(self.index), self.query_items)
        length = np.linalg.norm(weights @ self.index.vectors[rows])
        return rows, weights / max(length, np.float32(1e-9))
