"""Exact search that compares a vector that many rows share once: a catalogue says the same of many items."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int32, Int64, Mask
from models.topk import best_first, floor_of, top_rows

_FEWEST = 2_048
"""Rows below which searching all of them costs as little."""


@dataclass(frozen=True)
class Alike:
    """The different vectors among many, and which rows have each."""

    number_of: Int32
    """Shape (n,): which of the different vectors a row has."""
    vectors: Float32
    """Shape (m, d): the different ones."""
    rows: Int32
    """Shape (n,): all rows, those of one vector together."""
    ends: Int64
    """Shape (m,): where those of each vector end."""

    @classmethod
    def of(cls, vectors: Float32) -> "Alike | None":
        """Return vectors, shape (n, d), so; None where it would not pay: few rows, or few that are alike."""
        if len(vectors) <= _FEWEST:
            return None
        # As bytes: a vector is then one thing to compare.
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        whole = vectors.view(np.dtype((np.void, vectors.itemsize * vectors.shape[1]))).ravel()
        _, first, number_of = np.unique(whole, return_index=True, return_inverse=True)
        return cls.over(number_of.astype(np.int32), vectors[first]) if len(first) <= len(vectors) // 2 else None

    @classmethod
    def over(cls, number_of: Int32, vectors: Float32) -> "Alike":
        """Return what an earlier one held. Raises ValueError for vectors that there are not."""
        if not 0 <= number_of.min() <= number_of.max() < len(vectors):
            raise ValueError(f"vectors go from {number_of.min()} to {number_of.max()}, there are {len(vectors)}")
        ends = np.cumsum(np.bincount(number_of, minlength=len(vectors)))
        return cls(number_of, vectors, np.argsort(number_of, kind="stable").astype(np.int32), ends)

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the best rows inside the mask and their products, as `Index.search` does."""
        products = self.vectors @ query
        # Most masks let most rows pass: then the rows of twice as many vectors as are asked for hold enough that do.
        floor = floor_of(products, 2 * k)
        near = np.flatnonzero(products >= floor) if floor > -np.inf else np.zeros(0, dtype=np.int64)
        rows, scores = self._expanded(near, products[near])
        passing = mask[rows]
        if np.count_nonzero(passing) < k:
            scores = products[self.number_of]
            found = top_rows(scores, mask, k)
            return found, scores[found]
        rows, scores = rows[passing], scores[passing]
        best = best_first(scores, rows, k)
        return rows[best], scores[best]

    def _expanded(self, numbers: Int64, products: Float32) -> tuple[Int32, Float32]:
        """Return the rows of some vectors, and for each row what its vector has."""
        ends = self.ends[numbers]
        sizes = ends - np.where(numbers > 0, self.ends[numbers - 1], 0)
        # Each vector's rows end where it says; counted from the end of all that are taken.
        places = np.arange(sizes.sum()) + np.repeat(ends - np.cumsum(sizes), sizes)
        return self.rows[places], np.repeat(products, sizes)
