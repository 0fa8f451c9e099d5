"""Items whose factors agree with the shopper's, folded in from the history when asked."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.index import Index
from models.sources.answers import Cosines, Nearest, Silence
from models.sources.base import Answer, Learned
from models.sources.factors import Factors
from models.sources.query import query_of


@dataclass(frozen=True)
class Als:
    """Matrix factors of the warm items; the model and its symbols stand in training/fit/factors.py."""

    name: ClassVar[str] = "als"
    index: Index
    """Item factors Y, rows [0, L)."""
    factors: Factors
    """The same."""
    inverse_lengths: Float32
    """Shape (L,): 1 / |y_i|; 0 where y_i is 0."""
    query_items: int
    """At most so many items are folded in, the heaviest ones."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Index: item factors (L, F). Settings: regularization, alpha, query_items."""
        if learned.index is None:
            raise KeyError("index")
        vectors, settings = learned.index.vectors, learned.settings
        factors = Factors.of(vectors, regularization=float(settings["regularization"]), alpha=float(settings["alpha"]))
        lengths = np.linalg.norm(vectors, axis=1)
        inverse_lengths = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return cls(learned.index, factors, inverse_lengths, int(settings["query_items"]))

    def ask(self, context: Context) -> Answer:
        """Return agreement with the shopper's vector, proposed where above 0, or mean cosine to the anchors."""
        rows, weights = query_of(context, len(self.index), self.query_items)
        if not len(rows):
            return Silence()
        if len(context.anchors):
            return Cosines(self.index, self.inverse_lengths, self._direction(rows))
        return Nearest(self.index, self.factors.shopper(context, rows, weights), above=0.0)

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items asked about and by how much each raises a row."""
        asked, weights = query_of(context, len(self.index), self.query_items)
        wanted = self.index.vectors[rows]
        added: Float32
        if len(context.anchors):
            own, lengths = self.index.vectors[asked], self.inverse_lengths
            added = own @ wanted.T * lengths[asked, None] * lengths[rows] / np.float32(len(asked))
        else:
            inverse = context.once("als inverse", lambda: self.factors.inverse(asked, weights))
            added = self.factors.parts(asked, weights, inverse, wanted)
        return asked, np.maximum(added, 0)

    def _direction(self, rows: Int32) -> Float32:
        """Return the mean of the rows' unit vectors, shape (F,)."""
        direction: Float32 = (self.index.vectors[rows] * self.inverse_lengths[rows][:, None]).mean(axis=0)
        return direction
