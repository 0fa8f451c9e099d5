"""Rows in one order for everybody: what popular, trending and new answer from."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Float32, Int32, Mask
from models.topk import best_first

_LOOKED_AT_FIRST = 512


@dataclass(frozen=True)
class OrderedRows:
    """Distinct rows, best first."""

    rows: Int32
    """Shape (m,)."""
    scores: Float32
    """Shape (m,), not increasing."""

    @classmethod
    def of(cls, scores: Float32, rows: Int32) -> Self:
        """Put rows, shape (m,), in the order of their scores; ties are scattered (`tie_order`)."""
        best = best_first(scores, rows, len(rows))
        return cls(rows[best].astype(np.int32), scores[best].astype(np.float32))

    def first(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the first k rows inside the mask and their scores, each shape (<= k,).

        Looks at twice as many rows again and again until k pass, so a wide mask costs a few microseconds.
        """
        looked_at = max(_LOOKED_AT_FIRST, 2 * k)
        while True:
            passing = np.flatnonzero(mask[self.rows[:looked_at]])[:k]
            if len(passing) == k or looked_at >= len(self.rows):
                return self.rows[passing], self.scores[passing]
            looked_at *= 2
