"""Exact search that leaves out vectors too short to be among the best."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int32, Mask
from models.topk import best_first

_COMPARED_FIRST = 2_048
"""Rows, the longest first, that are compared before any is left out."""


@dataclass(frozen=True)
class ByLength:
    """A copy of vectors in order of their lengths, the longest first."""

    rows: Int32
    """Shape (n,): which row each vector belongs to."""
    vectors: Float32
    """Shape (n, d)."""
    lengths: Float32
    """Shape (n,), not increasing."""

    @classmethod
    def of(cls, vectors: Float32) -> "ByLength | None":
        """Return vectors in this order; None where the order would not pay: few rows, or lengths that differ little."""
        lengths = _lengths(vectors)
        rows = np.argsort(-lengths, kind="stable").astype(np.int32)
        if len(rows) <= _COMPARED_FIRST or lengths[rows[len(rows) // 2]] > lengths[rows[0]] / 2:
            return None
        return cls(rows, vectors[rows], lengths[rows])

    @classmethod
    def over(cls, rows: Int32, vectors: Float32) -> "ByLength":
        """Return what an earlier one held. Raises ValueError for rows that these vectors cannot have."""
        if not 0 <= rows.min() <= rows.max() < len(vectors):
            raise ValueError(f"rows go from {rows.min()} to {rows.max()}, there are {len(vectors)}")
        return cls(rows, vectors, _lengths(vectors))

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the best rows inside the mask and their products, as `Index.search` does."""
        products = self.vectors[:_COMPARED_FIRST] @ query
        reached = _kth(products[mask[self.rows[:_COMPARED_FIRST]]], k)
        stop = self._reaching(reached, query)
        if stop > _COMPARED_FIRST:
            products = np.concatenate([products, self.vectors[_COMPARED_FIRST:stop] @ query])
        near = np.flatnonzero(products >= reached)
        passing = near[mask[self.rows[near]]]
        rows, products = self.rows[passing], products[passing]
        best = best_first(products, rows, k)
        return rows[best], products[best]

    def _reaching(self, product: float, query: Float32) -> int:
        """Return how many rows are long enough to reach a product with the query; all for a product below 0."""
        # The bound is exact, its arithmetic is not.
        shortest = product / max(float(np.linalg.norm(query)), 1e-30) * (1 - 1e-5)
        return len(self.rows) - int(np.searchsorted(self.lengths[::-1], shortest))


def _lengths(vectors: Float32) -> Float32:
    """Return the length of each vector, shape (n,), without a second matrix."""
    squares: Float32 = np.einsum("nd,nd->n", vectors, vectors)
    return np.sqrt(squares)


def _kth(products: Float32, k: int) -> float:
    """Return the k-th highest product; -inf if there are fewer."""
    return float(np.partition(products, -k)[-k]) if 0 < k <= len(products) else -np.inf
