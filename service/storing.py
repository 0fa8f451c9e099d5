"""What the writing thread does with a group of events: one transaction, then the cached histories of its shoppers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from models.appending import appended
from models.errors import DatabaseError, StoreError
from models.events import shopper_key
from models.history import Memory
from models.packing import pack_history, unpack_history
from service.histories import history_field
from store.bulk import Row
from store.database import Database
from store.events import EVENT_COLUMNS, Outcome, append_each
from store.shopper_cache.base import Change
from store.shoppers import event_columns

_log = structlog.get_logger()

_USER, _ANONYMOUS = EVENT_COLUMNS.index("user_id"), EVENT_COLUMNS.index("anonymous_id")
_REMEMBERED = [EVENT_COLUMNS.index(name) for name in ("event_type", "item_id", "ts_us", "price", "order_id")]

Histories = Mapping[str, Mapping[str, bytes]]
"""Packed histories by shopper and field of the cache."""


@dataclass(frozen=True)
class Stored:
    """What became of a group: an outcome an event, or the error that met all of them."""

    outcomes: Sequence[Outcome] = ()
    error: DatabaseError | None = None
    histories: Histories = field(default_factory=dict)
    """What the cache may go on with; a shopper who is left out is read from SQL next time."""


def shopper_of(row: Row) -> str:
    """Return the shopper key of a row in the order of EVENT_COLUMNS."""
    return shopper_key(row[_USER], row[_ANONYMOUS])


def store_events(
    database: Database, rows: Sequence[Row], changes: Mapping[str, Change], memory: Memory | None
) -> Stored:
    """Store events in one durable transaction, and append them to the histories that the cache gave up for it.

    memory: the champion's, None without one.
    """
    outcomes: list[Outcome] = []
    try:
        database.ensure_in_place()
        with database.writing() as connection:
            outcomes = append_each(connection, rows)
    except DatabaseError as error:
        # If every event has its outcome then the commit failed, and nobody can say whether it came through.
        unchanged = {} if outcomes else {shopper: change.histories for shopper, change in changes.items()}
        return Stored(error=error, histories=unchanged)
    return Stored(outcomes, histories=_histories_after(rows, outcomes, changes, memory))


def _histories_after(
    rows: Sequence[Row], outcomes: Sequence[Outcome], changes: Mapping[str, Change], memory: Memory | None
) -> Histories:
    accepted: defaultdict[str, list[Row]] = defaultdict(list)
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome == "accepted":
            accepted[shopper_of(row)].append(row)
    return {
        shopper: _append(change.histories, accepted[shopper], memory) if shopper in accepted else change.histories
        for shopper, change in changes.items()
    }


def _append(histories: Mapping[str, bytes], rows: Sequence[Row], memory: Memory | None) -> Mapping[str, bytes]:
    """Return the history of the champion's memory with one shopper's new events; nothing when SQL has to be asked."""
    name = "" if memory is None else history_field(memory)
    if memory is None or name not in histories:
        return {}
    item_ids, events = event_columns([tuple(row[at] for at in _REMEMBERED) for row in reversed(rows)])
    try:
        history = appended(unpack_history(histories[name], memory), item_ids, events, memory)
    except StoreError:
        _log.warning("history_damaged")
        return {}
    return {} if history is None else {name: pack_history(history, memory)}
