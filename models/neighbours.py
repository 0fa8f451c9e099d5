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

    def __post_init__(self) -> None:
        """Raise ValueError where there is not a weight for each row."""
        if self.rows.shape != self.weights.shape:
            raise ValueError(f"there are {self.rows.shape} rows and {self.weights.shape} weights")

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, row: int) -> Int32:
        """Return the neighbours of one row, shape (m <= K,)."""
        rows = self.rows[row]
        near: Int32 = rows[rows >= 0]
        return near

    def sums(self, query_rows: Int32, query_weights: Float32) -> Float32:
        """Return each row's sum of query weight * neighbour weight, shape (L + 1,); the last place stands for no row.

        query_rows, query_weights: shape (q,); rows beyond the table add nothing. Cost: q * K additions.
        """
        query_rows, query_weights = self._covered(query_rows, query_weights)
        # The padding -1 lands in the last place.
        sums = np.zeros(len(self) + 1, dtype=np.float32)
        weights = self.weights.take(query_rows, axis=0) * query_weights[:, None]
        np.add.at(sums, self.rows.take(query_rows, axis=0).ravel(), weights.ravel())
        sums[-1] = np.nan
        return sums

    def contributions(self, query_rows: Int32, query_weights: Float32, rows: Int32) -> Float32:
        """Return what each query row adds to each of some rows' sums, shape (q, m); 0 where it does not reach it.

        query_rows, query_weights: shape (q,), rows of the table. rows: shape (m,).
        """
        near, weights = self.rows.take(query_rows, axis=0), self.weights.take(query_rows, axis=0)
        # A row stands once among an item's neighbours: few of the places compared are hits.
        column, place = np.divmod(np.flatnonzero(near.ravel() == rows[:, None]), near.size)
        added = np.zeros((len(near), len(rows)), dtype=np.float32)
        added[place // near.shape[1], column] = weights.ravel()[place]
        return added * query_weights[:, None]

    def _covered(self, query_rows: Int32, query_weights: Float32) -> tuple[Int32, Float32]:
        covered = query_rows < len(self)
        return query_rows[covered], query_weights[covered]
