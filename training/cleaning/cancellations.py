"""What was taken back, matched to what it takes back: by shopper, item, order and quantity."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar, Final

import polars as pl

from models.events import CANCELS, EVENT_TYPES
from training.cleaning.base import Removed, Step

TAKES_BACK: Final = {EVENT_TYPES[code]: EVENT_TYPES[taken] for code, taken in CANCELS.items()}
"""refund -> purchase, remove_from_cart -> add_to_cart."""

_ANY = None
"""The order of what names none: it may be any."""


class Cancellations(Step):
    """Removes purchases that a refund took back whole, and every refund; carts and what was put back likewise.

    A refund takes back the newest earlier purchase of the same shopper and item, of the same order when it names one,
    and first one of the very same quantity; else pieces of the newest ones. A purchase of which a piece was kept
    stands: two broken glasses of a crate of 48 do not take the crate back.
    """

    name: ClassVar[str] = "cancellations"

    def apply(self, events: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, Removed]:  # noqa: ARG002
        numbered = events.with_row_index("row")
        takes_back = numbered.filter(pl.col("event_type").is_in(list(TAKES_BACK)))
        ledger = _Ledger()
        for line in _concerned(numbered, takes_back).iter_rows():
            ledger.enter(*line)
        gone = pl.Series([*ledger.whole, *takes_back["row"]], dtype=pl.UInt32)
        left = numbered.filter(~pl.col("row").is_in(gone.implode())).drop("row")
        counts = {
            "events": len(gone),
            "cancellations": len(takes_back),
            "taken_back": len(ledger.whole),
            "in_part": len(ledger.in_part - ledger.whole),
            "without_match": ledger.without_match,
        }
        what = (
            f"{counts['cancellations']:,} refunds and removals took {counts['taken_back']:,} purchases and carts back "
            f"whole and {counts['in_part']:,} in part, which stand; {counts['without_match']:,} found nothing to take."
        )
        return left, self.removed(counts, what)


def _concerned(numbered: pl.DataFrame, takes_back: pl.DataFrame) -> pl.DataFrame:
    """Return the events about pairs of shopper and item with something taken back, in time, what takes back last.

    The other columns part what has one time, so that it does not matter in which order the rows came.
    """
    pairs = takes_back.select("shopper", "item_id").unique()
    kinds = [*TAKES_BACK, *TAKES_BACK.values()]
    lines = numbered.filter(pl.col("event_type").is_in(kinds)).join(pairs, on=["shopper", "item_id"], how="semi")
    takes = pl.col("event_type").is_in(list(TAKES_BACK))
    return lines.sort("ts", takes, "order_id", "quantity", "price", "session_id").select(
        "row", "event_type", "shopper", "item_id", "order_id", "quantity"
    )


@dataclass
class _Ledger:
    """What can still be taken back; every line is entered in order of time. Cost: linear."""

    whole: set[int] = field(default_factory=set)
    """Rows of which nothing is left."""
    in_part: set[int] = field(default_factory=set)
    """Rows of which something was taken back."""
    without_match: int = 0
    _left: dict[int, float] = field(default_factory=dict)
    _newest: defaultdict[Hashable, list[int]] = field(default_factory=lambda: defaultdict(list))
    """(pair, type, order) -> rows, newest last; what is gone stays until it surfaces."""

    def enter(
        self, row: int, event_type: str, shopper: str, item_id: str, order: str | None, quantity: float | None
    ) -> None:
        """Enter one event. A missing quantity is one piece, and of a refund the whole of one purchase."""
        if event_type in TAKES_BACK:
            self._take((shopper, item_id, TAKES_BACK[event_type], order), quantity)
            return
        self._left[row] = quantity or 1.0
        for named in {_ANY, order}:
            key = (shopper, item_id, event_type, named)
            self._newest[key].append(row)
            self._newest[key, self._left[row]].append(row)

    def _take(self, key: Hashable, quantity: float | None) -> None:
        row = self._surface(key, quantity)
        if row is None:
            self.without_match += 1
            return
        wanted = quantity or self._left[row]
        while row is not None and wanted > 0:
            taken = min(wanted, self._left[row])
            wanted -= taken
            self._left[row] -= taken
            (self.in_part if self._left[row] > 0 else self.whole).add(row)
            row = self._surface(key, None)

    def _surface(self, key: Hashable, quantity: float | None) -> int | None:
        """Return the newest row of which something is left: an untouched one of this quantity, if there is one."""
        for rows in (self._newest[key, quantity], self._newest[key]):
            while rows and (rows[-1] in self.whole or (rows is not self._newest[key] and rows[-1] in self.in_part)):
                rows.pop()
            if rows:
                return rows[-1]
        return None
