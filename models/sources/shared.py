"""What the sources with one list for everybody have in common: all but the name and what the order means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from models.arrays import NO_ROWS, Arrays, Float32, Int32
from models.context import Context
from models.errors import InputError
from models.ordered import OrderedRows
from models.sources.answers import Shared, scores_by_row
from models.sources.base import Answer, Learned

_OF_A_WINDOW = re.compile(r"(?:rows|scores)_(\d+)d")


@dataclass(frozen=True)
class SharedList:
    """Rows in one order; no request changes it but by its mask, and by asking for a window."""

    name: ClassVar[str]
    answer: Shared
    windows: Mapping[int, Shared] = field(default_factory=dict)
    """Days -> the list over the last so many days. Empty for a source that knows no windows, and in a bundle of an
    Endcap that knew none."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rows (m,) int32, best first; scores (m,) float32; the same with _7d for a window of 7 days."""
        days_found = {int(found[1]) for name in learned.arrays if (found := _OF_A_WINDOW.fullmatch(name))}
        windows = {days: _list(learned.arrays, f"_{days}d") for days in sorted(days_found)}
        return cls(_list(learned.arrays), windows)

    def ask(self, context: Context) -> Answer:
        """Return the list. Raises InputError for a window that was not counted, naming those that were."""
        if context.window_days is None:
            return self.answer
        if context.window_days not in self.windows:
            counted = ", ".join(f"{days}d" for days in self.windows)
            instead = f"ask for one of {counted}" if counted else "train again, or ask without a window"
            raise InputError(f"{self.name} was not counted over a window of {context.window_days} days; {instead}")
        return self.windows[context.window_days]

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return nothing: no item of the shopper's carries them."""
        del context
        return NO_ROWS, np.zeros((0, len(rows)), dtype=np.float32)


def window_arrays(days: int, ordered: OrderedRows) -> Arrays:
    """Return the list over a window of days as `SharedList` finds it."""
    return {f"rows_{days}d": ordered.rows, f"scores_{days}d": ordered.scores}


def _list(arrays: Arrays, ending: str = "") -> Shared:
    rows, scores = arrays[f"rows{ending}"], arrays[f"scores{ending}"]
    return Shared(OrderedRows(rows, scores), scores_by_row(rows, scores))
