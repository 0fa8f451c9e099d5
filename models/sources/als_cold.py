"""Items that too few shoppers know to have factors of their own, placed by their words among those that have them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.index import Index
from models.sources.answers import Among, AndNewer, Nearest, Silence
from models.sources.base import Answer, Learned
from models.sources.factors import Factors
from models.sources.query import query_of
from models.words import Description, Words


@dataclass(frozen=True)
class Placing:
    """From what the catalogue says of an item to its place among the factors; training/fit/als_cold.py learns it."""

    mapping: Float32
    """Shape (D + 1, F): W, and last what is added to all."""
    power: float
    """The power of its length that a vector is divided by."""

    def place(self, vectors: Float32) -> Float32:
        """Return v, shape (m, F), of unit content vectors, shape (m, D); 0 for those of which nothing is known."""
        told = vectors @ self.mapping[:-1] + self.mapping[-1]
        told[~vectors.any(axis=1)] = 0
        lengths = np.linalg.norm(told, axis=1, keepdims=True) ** np.float32(self.power)
        found: Float32 = np.divide(told, lengths, out=np.zeros_like(told), where=lengths > 0)
        return found


@dataclass(frozen=True)
class AlsCold:
    """What agrees with the shopper, and with shoppers as a whole, among the items that are not warm."""

    name: ClassVar[str] = "als_cold"
    factors: Factors
    """Of the warm items: what a history is folded in by."""
    rows: Int32
    """Shape (p + m,), ascending: which rows have a place, p of the bundle's and m that follow all of those."""
    index: Index
    """v of the p rows, in their order."""
    newcomers: Float32
    """Shape (m, F): v of the rows that follow."""
    n_rows: int
    """Of the bundle."""
    crowd: Float32
    """Shape (F,): what is added to a shopper's vector."""
    placing: Placing
    words: Words
    """Places items that came after the training."""
    query_items: int
    """At most so many items are folded in, the heaviest ones."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Index: v (p, F). Arrays: rows (p,), factors (L, F), mapping, crowd, those of `Words`. Settings: by names."""
        words, settings = Words.load(learned.arrays), learned.settings
        if learned.index is None or words is None:
            raise KeyError("index" if words else "tokens")
        factors = Factors.of(
            learned.arrays["factors"],
            regularization=float(settings["regularization"]),
            alpha=float(settings["alpha"]),
        )
        placing = Placing(learned.arrays["mapping"], float(settings["power"]))
        nobody = np.zeros((0, factors.vectors.shape[1]), dtype=np.float32)
        return cls(
            factors=factors,
            rows=learned.arrays["rows"],
            index=learned.index,
            newcomers=nobody,
            n_rows=int(settings["n_rows"]),
            crowd=learned.arrays["crowd"],
            placing=placing,
            words=words,
            query_items=int(settings["query_items"]),
        )

    def covering(self, newcomers: Sequence[Description]) -> Self:
        """Return the same, knowing all items, in row order, that follow the bundle's."""
        later = np.arange(self.n_rows, self.n_rows + len(newcomers), dtype=np.int32)
        return replace(
            self,
            rows=np.concatenate([self.rows[: len(self.index)], later]),
            newcomers=self.placing.place(self.words.vectors(newcomers)),
        )

    def ask(self, context: Context) -> Answer:
        """Return (x_u + crowd) . v of the rows that have a place; only those above 0 are proposed."""
        rows, weights = query_of(context, self._n_warm, self.query_items)
        if not len(rows):
            return Silence()
        if len(context.anchors):
            own = self.factors.fold_in(rows, weights)
        else:
            own = self.factors.shopper(context, rows, weights)
        query = own + self.crowd
        answer = AndNewer(Nearest(self.index, query, above=0.0), len(self.index), self.newcomers @ query)
        return Among(self.rows, answer)

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items asked about and by how much each raises a row."""
        asked, weights = query_of(context, self._n_warm, self.query_items)
        wanted = self._vectors(rows)
        if not len(asked):
            return asked, np.zeros((0, len(rows)), dtype=np.float32)
        parts = self.factors.parts(asked, weights, self.factors.inverse(asked, weights), wanted)
        return asked, np.maximum(parts, 0)

    @property
    def _n_warm(self) -> int:
        return len(self.factors.vectors)

    def _vectors(self, rows: Int32) -> Float32:
        """Return v, shape (q, F), of rows that have a place."""
        places, known = np.searchsorted(self.rows, rows), len(self.index)
        found = np.empty((len(rows), self.factors.vectors.shape[1]), dtype=np.float32)
        later = places >= known
        found[~later] = self.index.vectors[places[~later]]
        found[later] = self.newcomers[places[later] - known]
        return found
