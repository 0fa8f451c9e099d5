"""A table of each item's nearest items, and how a few items of a shopper become scores for many others."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int32


@dataclass(frozen=True)
class Neighbours:
    """Per item row its nearest rows: what item_knn, covisitation and bought_together learn."""

    rows: Int32
    """Shape (L, K); -1 pads a row with fewer than K neighbours."""
    weights: Float32
    """Shape (L, K), >= 0; 0 where padded."""

    def __len__(self) -> int:
        return len(self.rows)

    def sums(self, query_rows: Int32, query_weights: Float32) -> Float32:
        """Return each row's sum of query weight * neighbour weight, shape (L,).

        query_rows, query_weights: shape (q,); rows beyond the table add nothing. Cost: q * K additions.
        """
        query_rows, query_weights = self._covered(query_rows, query_weights)
        # One place more than there are rows: the padding -1 lands there.
        sums = np.zeros(len(self) + 1, dtype=np.float32)
        weights = self.weights.take(query_rows, axis=0) * query_weights[:, None]
        np.add.at(sums, self.rows.take(query_rows, axis=0).ravel(), weights.ravel())
        return sums[:-1]

    def contributions(self, query_rows: Int32, query_weights: Float32, row: int) -> tuple[Int32, Float32]:
        """Return the query rows that reach `row` and what each adds to its score, shape (m,)."""
        query_rows, query_weights = self._covered(query_rows, query_weights)
        added = np.where(self.rows[query_rows] == row, self.weights[query_rows], 0).sum(axis=1) * query_weights
        reaching = np.flatnonzero(added > 0)
        return query_rows[reaching], added[reaching].astype(np.float32)

    def _covered(self, query_rows: Int32, query_weights: Float32) -> tuple[Int32, Float32]:
        covered = query_rows < len(self)
        return query_rows[covered], query_weights[covered]
