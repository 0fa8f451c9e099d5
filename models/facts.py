"""What training counted of each item, beside the sources: how much, how often, since when, and what it is."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from models.arrays import Float32, Int32

SHOPPERS: Final = "shoppers ever"
"""log(1 + distinct shoppers who liked it)."""
PRICE: Final = "price"
"""Logarithm of the usual price."""
GAP: Final = "usual gap"
"""Days between two purchases of one shopper."""


@dataclass(frozen=True, eq=False)
class Facts:
    """Columns of numbers and of groups over the bundle's rows, and one row more for those that came later."""

    names: tuple[str, ...]
    """Of the numbers, by column; SHOPPERS, PRICE and GAP are among them."""
    numbers: Float32
    """Shape (n + 1, k): NaN where nothing is known; the last row is for rows that the bundle does not have."""
    group_names: tuple[str, ...]
    """What items are grouped by, by column: a depth of the category path, the brand."""
    groups: Int32
    """Shape (n + 1, g): which group, from 0, each number in one column only; -1 for none."""

    def __post_init__(self) -> None:
        """Raise ValueError where the columns do not belong together."""
        if self.numbers.shape != (len(self.groups), len(self.names)):
            raise ValueError(f"there are {self.numbers.shape} numbers of {len(self.groups)} rows by {self.names}")
        if self.groups.shape[1:] != (len(self.group_names),):
            raise ValueError(f"there are {self.groups.shape} groups by {self.group_names}")

    def numbers_of(self, rows: Int32) -> Float32:
        """Return the numbers of rows, shape (m, k)."""
        return self.numbers.take(rows, axis=0, mode="clip")

    def groups_of(self, rows: Int32) -> Int32:
        """Return the groups of rows, shape (m, g)."""
        return self.groups.take(rows, axis=0, mode="clip")

    @cached_property
    def n_groups(self) -> int:
        """How many groups there are, of all columns."""
        return int(self.groups.max(initial=-1)) + 1
