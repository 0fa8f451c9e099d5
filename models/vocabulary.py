"""The only class between item ids (the shop's, outside) and item rows (positions in arrays, inside)."""

from collections.abc import Iterable, Sequence

import numpy as np

from models.arrays import Int32
from models.errors import UnknownItemError


class Vocabulary:
    """Item ids in row order. Immutable; building it costs one dict of n entries."""

    def __init__(self, ids: Sequence[str]) -> None:
        """Take distinct ids; row i belongs to ids[i]. Raises ValueError on a repeated id."""
        self.ids: tuple[str, ...] = tuple(ids)
        self._row_of = {item_id: row for row, item_id in enumerate(self.ids)}
        if len(self._row_of) != len(self.ids):
            twice = next(item_id for row, item_id in enumerate(self.ids) if self._row_of[item_id] != row)
            msg = f"item id {twice!r} stands twice in a vocabulary of {len(self.ids)}"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._row_of

    def row(self, item_id: str) -> int:
        """Return the row of one item. Raises UnknownItemError."""
        try:
            return self._row_of[item_id]
        except KeyError:
            raise UnknownItemError(item_id, f"the vocabulary of {len(self)} items") from None

    def rows(self, item_ids: Iterable[str]) -> Int32:
        """Return the rows, shape (n,), of n ids; an unknown id has row -1, and the caller says what that means."""
        row_of = self._row_of
        return np.array([row_of.get(item_id, -1) for item_id in item_ids], dtype=np.int32)

    def extended(self, item_ids: Iterable[str]) -> "Vocabulary":
        """Return this vocabulary followed by those ids it does not have yet, in their order."""
        new = [item_id for item_id in dict.fromkeys(item_ids) if item_id not in self._row_of]
        return Vocabulary((*self.ids, *new)) if new else self
