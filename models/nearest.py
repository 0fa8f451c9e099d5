"""What training found nearest to each item, so that a page about one product searches nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Arrays, Float32, Int32
from models.ordered import OrderedRows


@dataclass(frozen=True)
class NearestRows:
    """For each of the first m rows those with the highest cosines to it."""

    nearest_rows: Int32
    """Shape (m, K), best first; never the row itself."""
    nearest_cosines: Float32
    """Shape (m, K); 0 where fewer than K were found."""

    @classmethod
    def nothing(cls, m: int, k: int) -> Self:
        """Return what is to be filled in: nothing found yet."""
        return cls(np.zeros((m, k), dtype=np.int32), np.zeros((m, k), dtype=np.float32))

    @classmethod
    def joined(cls, parts: "Sequence[NearestRows]") -> Self:
        """Lay those of successive rows one after another."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    @classmethod
    def load(cls, arrays: Arrays) -> Self | None:
        """Take what `arrays` gave; None in a bundle without it. Raises KeyError at a half."""
        names = cls.__dataclass_fields__
        return cls(*(arrays[name] for name in names)) if names.keys() & arrays.keys() else None

    def arrays(self) -> Arrays:
        """Return what a bundle keeps."""
        return vars(self)

    def of(self, row: int) -> OrderedRows | None:
        """Return the rows nearest to one; None where none were kept, or not K of them are near at all."""
        if row >= len(self.nearest_rows) or self.nearest_cosines[row, -1] <= 0:
            return None
        return OrderedRows(self.nearest_rows[row], self.nearest_cosines[row])
