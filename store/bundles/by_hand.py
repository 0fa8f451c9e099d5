"""Ask a bundle about a history typed in by hand, in a notebook or a shell: docs/notebook.md."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape

import numpy as np

from models.arrays import DAY_US
from models.context import build_context
from models.errors import InputError
from models.events import PURCHASE
from models.history import Events, History, Recent
from models.placement import Placement
from models.recommend import recommend
from models.snapshot import Snapshot
from models.told import ToldItem, tell
from store.placements import placement_named, read_placements

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = ("#", "item", "title", "score", "why")


@dataclass(frozen=True)
class Answer:
    """A list that prints itself as a table, and as HTML in a notebook."""

    items: tuple[ToldItem, ...]
    unknown_item_ids: tuple[str, ...]
    """What was typed and the bundle does not know; it was ignored."""

    def __repr__(self) -> str:
        rows = [_HEAD, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *self._notes()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEAD)
        rows = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._rows()]
        body = "".join(f"<tr>{cells}</tr>" for cells in (head, *rows))
        return f"<table>{body}</table>" + "".join(f"<p>{escape(note)}</p>" for note in self._notes())

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (str(one.position), one.item_id, one.title, "" if one.score is None else f"{one.score:.3f}", one.why)
            for one in self.items
        ]

    def _notes(self) -> list[str]:
        unknown = ", ".join(self.unknown_item_ids)
        return [f"not in the bundle, ignored: {unknown}"] if unknown else []


def answer_by_hand(
    snapshot: Snapshot,
    item_ids: Sequence[str],
    *,
    placement: Placement | str,
    anchor_ids: Sequence[str] = (),
    n: int | None = None,
    now: datetime | None = None,
) -> Answer:
    """Answer a shopper who bought `item_ids`, one a day, the last of them a day before `now`.

    placement: the name of a built-in one, or one of your own. anchor_ids: the product of a product page, or the cart.
    n: without it, the placement's. now: without it, when the bundle's data ends. Raises ConfigurationError for an
    unknown placement, InputError for ids that are no list of text, and UnknownItemError when no anchor is known.
    """
    for name, ids in (("history", item_ids), ("anchor_ids", anchor_ids)):
        if isinstance(ids, str) or not all(isinstance(item_id, str) for item_id in ids):
            raise InputError(f'{name} is a list of item ids, each in quotes: ["1095275", "1029743"]')
    if n is not None and n < 1:
        raise InputError(f"n is {n}; ask for at least 1 item")
    slot = placement if isinstance(placement, Placement) else placement_named(placement, read_placements())
    now_us = snapshot.data_until_us if now is None else (now - _EPOCH) // timedelta(microseconds=1)
    context = build_context(
        snapshot.vocabulary,
        snapshot.memory,
        now_us=now_us,
        history=_bought_daily(item_ids, now_us),
        anchor_ids=anchor_ids,
    )
    answered = recommend(context, snapshot, slot if n is None else replace(slot, n=n))
    unknown = [item_id for item_id in dict.fromkeys(item_ids) if item_id not in snapshot.vocabulary]
    return Answer(tell(context, snapshot, answered), (*unknown, *context.unknown_item_ids))


def _bought_daily(item_ids: Sequence[str], until_us: int) -> History:
    n = len(item_ids)
    events = Events(
        owners=np.zeros(n, dtype=np.int32),
        items=np.zeros(n, dtype=np.int32),
        types=np.full(n, PURCHASE, dtype=np.uint8),
        ts_us=until_us - DAY_US * np.arange(n, 0, -1, dtype=np.int64),
        prices=np.full(n, np.nan, dtype=np.float32),
        orders=np.arange(n, dtype=np.int32),
    )
    return History(recent=Recent(tuple(item_ids), events))
