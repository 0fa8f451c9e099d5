"""Items that the catalogue describes like what is asked about, or whose own vectors of the shop are near."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.index import Index
from models.sources.answers import AndNewer, Nearest, Silence
from models.sources.base import Answer, Learned
from models.sources.query import query_of
from models.words import Description, Words

_ALIKE = 1e-5
"""Cosines that are no higher are 0 but for their rounding."""


@dataclass(frozen=True)
class Content:
    """Nearest by cosine to the anchors, or to the mean of the shopper's items; knows items nobody has bought yet."""

    name: ClassVar[str] = "content"
    index: Index
    """Unit vectors of all bundle rows; a row of which nothing is known is 0."""
    query_items: int
    """At most so many items are asked about, the heaviest ones."""
    words: Words | None
    """Places items that came after the training; None in a bundle that kept no words: it knows nothing of them."""
    newcomers: Float32
    """Unit vectors, shape (m, D), of the rows that follow the bundle's."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Index: unit vectors (L, D). Arrays: those of `Words`, both or none. Settings: query_items."""
        if learned.index is None:
            raise KeyError("index")
        nobody = np.zeros((0, learned.index.vectors.shape[1]), dtype=np.float32)
        return cls(learned.index, int(learned.settings["query_items"]), Words.load(learned.arrays), nobody)

    def covering(self, newcomers: Sequence[Description]) -> Self:
        """Return the same, knowing all items, in row order, that follow the bundle's."""
        return self if self.words is None else replace(self, newcomers=self.words.vectors(newcomers))

    def ask(self, context: Context) -> Answer:
        """Return cosines to what is asked about; only those clearly above 0 are proposed."""
        if len(context.anchors):
            profile = self._profile(context)
        else:
            profile = context.once(("content", self._n_rows), lambda: self._profile(context))
        if not profile.any():
            return Silence()
        answer = Nearest(self.index, profile, above=_ALIKE)
        return AndNewer(answer, len(self.index), self.newcomers @ profile) if len(self.newcomers) else answer

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items asked about, and the part of a row's cosine of each that resembles it."""
        asked, parts = self._query(context)
        return asked, np.maximum(parts[:, None] * (self._vectors(asked) @ self._vectors(rows).T), 0)

    def _profile(self, context: Context) -> Float32:
        """Return what is asked about as one vector of length 1, shape (D,); 0 where nothing is known of it."""
        rows, parts = self._query(context)
        profile: Float32 = parts @ self._vectors(rows)
        return profile

    @property
    def _n_rows(self) -> int:
        return len(self.index) + len(self.newcomers)

    def _query(self, context: Context) -> tuple[Int32, Float32]:
        """Return rows and the part, shape (q,), of each in a profile of length 1: sum of part * vector."""
        rows, weights = query_of(context, self._n_rows, self.query_items)
        if len(rows) == 1:
            return rows, np.ones_like(weights)
        length = np.linalg.norm(weights @ self._vectors(rows))
        return rows, weights / max(length, np.float32(1e-9))

    def _vectors(self, rows: Int32) -> Float32:
        """Return the unit vectors, shape (q, D), of rows below `_n_rows`."""
        known = len(self.index)
        if not len(self.newcomers) or rows.max(initial=-1) < known:
            return self.index.vectors.take(rows, axis=0)
        found = np.empty((len(rows), self.newcomers.shape[1]), dtype=np.float32)
        later = rows >= known
        found[~later] = self.index.vectors[rows[~later]]
        found[later] = self.newcomers[rows[later] - known]
        return found
