"""One shopper's history: the past that training left, and the events since; without a past, the events alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection

from models.errors import StoreError
from models.events import CODE_OF
from models.history import Events, History, Memory, Past, Recent, cancelled, summarise
from models.packing import unpack
from store.events import events_of
from store.histories import read_past

_COLUMNS = ("event_type", "item_id", "ts_us", "price", "order_id")
_ALL = 2**31 - 1


def history_of(connection: Connection, shopper: str, memory: Memory, data_until_us: int) -> History:
    """Return the history of a shopper key; an unknown shopper has an empty one.

    memory, data_until_us: the bundle's. A past that is missing, stale, damaged or of another memory is built from the
    events before `data_until_us`, with the function that training builds it with. Cost: 3 microseconds an event read.
    """
    past = _stored_past(connection, shopper, memory)
    if past is None:
        past = _past_from_events(connection, shopper, memory, data_until_us - 1)
    newest = events_of(connection, shopper, after_us=past.as_of_us, limit=memory.recent_events, columns=_COLUMNS)
    item_ids, events = event_columns(newest)
    return History(past, Recent(item_ids, events))


def _stored_past(connection: Connection, shopper: str, memory: Memory) -> Past | None:
    stored = read_past(connection, shopper)
    if stored is None or stored.memory != memory.digest():
        return None
    try:
        return unpack(stored.packed)
    except StoreError:
        return None


def _past_from_events(connection: Connection, shopper: str, memory: Memory, as_of_us: int) -> Past:
    whole = events_of(connection, shopper, after_us=None, limit=_ALL, columns=_COLUMNS)
    ids, events = event_columns(whole)
    return past_of(ids, events, as_of_us, memory)


def past_of(event_item_ids: Sequence[str], events: Events, as_of_us: int, memory: Memory) -> Past:
    """Fold one shopper's events up to `as_of_us` into a past. event_item_ids: one per event.

    What was taken back later is not in it: the raw events since then no longer hold what they take back.
    """
    number_of = {item_id: number for number, item_id in enumerate(dict.fromkeys(event_item_ids))}
    items = np.array([number_of[item_id] for item_id in event_item_ids], dtype=np.int32)
    numbered = replace(events, items=items)
    rows = summarise(numbered.where(~cancelled(numbered)), as_of_us, memory)
    ids = list(number_of)
    return Past(as_of_us, tuple(ids[number] for number in rows.items), rows)


def event_columns(newest_first: Sequence[tuple[Any, ...]]) -> tuple[tuple[str, ...], Events]:
    """Return the item ids and the columns of one shopper's events in order of time.

    newest_first: (event_type, item_id, ts_us, price, order_id); one without an item says nothing of liking: it goes.
    """
    rows = [row for row in reversed(newest_first) if row[1] is not None]
    order_of = {order: number for number, order in enumerate({row[4] for row in rows} - {None})}
    return tuple(row[1] for row in rows), Events(
        owners=np.zeros(len(rows), dtype=np.int32),
        items=np.zeros(len(rows), dtype=np.int32),
        types=np.array([CODE_OF[row[0]] for row in rows], dtype=np.uint8),
        ts_us=np.array([row[2] for row in rows], dtype=np.int64),
        prices=np.array([np.nan if row[3] is None else row[3] for row in rows], dtype=np.float32),
        orders=np.array([order_of.get(row[4], -1) for row in rows], dtype=np.int32),
    )
