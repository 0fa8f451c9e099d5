"""Events in SQL: appended in batches, never changed, read by window or by shopper."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.schema import CreateIndex, DropIndex

from store.bulk import Row, insert_returning, insert_rows, read_batches, select_columns
from store.database import Database
from store.histories import forget_stale_pasts, wait_for_events
from store.schema import events

EVENT_COLUMNS = (
    "event_id",
    "digest",
    "event_type",
    "user_id",
    "anonymous_id",
    "session_id",
    "item_id",
    "ts_us",
    "quantity",
    "price",
    "currency",
    "order_id",
    "value",
    "recommendation_id",
    "position",
    "channel",
    "properties",
)
"""The order of the values in a row for `append_events`; types and which may be None are in store/schema.py."""

HISTORY_COLUMNS = ("event_type", "item_id", "ts_us", "quantity", "price")
"""What a history is built from."""

Outcome: TypeAlias = Literal["accepted", "duplicate", "conflict", "refused"]
"""Of one event: stored; there already; another one is there under its id; the database cannot keep what it says."""

# What a driver or a database says of a value that it cannot keep, rather than of itself.
_UNFIT = (DataError, IntegrityError, OverflowError, TypeError, ValueError)


@dataclass(frozen=True)
class Appended:
    """What became of a batch of events; the three add up to its size."""

    accepted: int
    duplicates: int
    """Ids that were there already, with the same digest."""
    conflicts: int
    """Ids that were there already, with another digest: another event under a used id. It is not stored."""
    conflicting: tuple[int, ...] = field(default=(), compare=False)
    """Where in the batch the conflicts are."""


@dataclass(frozen=True)
class DataWindow:
    """What the events table holds."""

    n_events: int
    first_us: int | None
    last_us: int | None
    last_seq: int
    """The newest event by order of arrival; 0 when there is none."""


def append_events(connection: Connection, rows: Sequence[Row]) -> Appended:
    """Store the events that are new, and drop the pasts that they make stale.

    rows: values in the order of EVENT_COLUMNS.
    """
    last_seq = _last_seq(connection)
    accepted = insert_rows(connection, events, EVENT_COLUMNS, rows, "(event_id) DO NOTHING")
    if accepted:
        forget_stale_pasts(connection, after_seq=last_seq)
    conflicting = () if accepted == len(rows) else _find_conflicts(connection, rows)
    return Appended(accepted, len(rows) - accepted - len(conflicting), len(conflicting), conflicting)


def append_each(connection: Connection, rows: Sequence[Row]) -> list[Outcome]:
    """Store the events that are new, drop the pasts that they make stale, and say of each what became of it.

    rows: values in the order of EVENT_COLUMNS. Of two rows with one id the first is stored. A row that the database
    cannot keep is refused alone: it is looked for by halves, inside the transaction, and all others are stored.
    """
    if not rows:
        return []
    last_seq = _last_seq(connection)
    outcomes = _append_by_halves(connection, rows)
    if "accepted" in outcomes:
        forget_stale_pasts(connection, after_seq=last_seq)
    return outcomes


def _append_by_halves(connection: Connection, rows: Sequence[Row]) -> list[Outcome]:
    try:
        with connection.begin_nested():
            return _append_at_once(connection, rows)
    except _UNFIT:
        if len(rows) == 1:
            return ["refused"]
    middle = len(rows) // 2
    return _append_by_halves(connection, rows[:middle]) + _append_by_halves(connection, rows[middle:])


def _append_at_once(connection: Connection, rows: Sequence[Row]) -> list[Outcome]:
    # PostgreSQL waits for another process that is inserting one of these ids, and then shows its event to what follows.
    new = insert_returning(connection, events, EVENT_COLUMNS, rows, "(event_id) DO NOTHING", "event_id")
    first_at = {row[0]: at for at, row in reversed(list(enumerate(rows)))}
    outcomes: list[Outcome] = [
        "accepted" if row[0] in new and first_at[row[0]] == at else "duplicate" for at, row in enumerate(rows)
    ]
    if "duplicate" in outcomes:
        for at in _find_conflicts(connection, rows):
            outcomes[at] = "conflict"
    return outcomes


def settled_seq(database: Database) -> int:
    """Return the newest event by order of arrival, of which all that came before it are there to be read."""
    with database.writing() as connection:
        wait_for_events(connection)
        return _last_seq(connection)


def _last_seq(connection: Connection) -> int:
    return connection.scalar(select(func.max(events.c.seq))) or 0


def _find_conflicts(connection: Connection, rows: Sequence[Row]) -> tuple[int, ...]:
    """Return the positions of the rows whose id is stored with another digest."""
    digests = [(row[0], row[1]) for row in rows]
    among = (
        "SELECT value FROM json_each(?)"
        if connection.dialect.name == "sqlite"
        else "SELECT json_array_elements_text(%s::json)"
    )
    found = connection.exec_driver_sql(
        f"SELECT event_id, digest FROM events WHERE event_id IN ({among})",  # noqa: S608 - our own text
        (json.dumps([event_id for event_id, _ in digests]),),
    )
    stored = dict(found.cursor.fetchall())
    return tuple(at for at, (event_id, digest) in enumerate(digests) if stored.get(event_id, digest) != digest)


@contextmanager
def deferred_indexes(database: Database) -> Iterator[bool]:
    """Fill an empty table without its indexes by shopper, and build them at the end; do nothing when it has events.

    Gives whether the table is empty.

    A process that is killed in between leaves the table without them: the next import builds them when it ends.
    """
    with database.writing(durable=False) as connection:
        is_empty = _last_seq(connection) == 0
        if is_empty:
            for index in events.indexes:
                connection.execute(DropIndex(index, if_exists=True))
    try:
        yield is_empty
    finally:
        with database.writing(durable=False) as connection:
            for index in events.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))


def read_events(
    database: Database, since_us: int | None, until_us: int | None, columns: Sequence[str], *, batch_size: int = 50_000
) -> Iterator[list[Row]]:
    """Give the events with since_us <= ts_us < until_us in order of arrival, in batches; None is no bound.

    columns: names in the table, `seq` included. Quantities, prices and values come as floats.
    """
    query = select_columns(events, columns).order_by(events.c.seq)
    if since_us is not None:
        query = query.where(events.c.ts_us >= since_us)
    if until_us is not None:
        query = query.where(events.c.ts_us < until_us)
    yield from read_batches(database, query, batch_size)


def events_of(
    connection: Connection,
    shopper: str,
    *,
    after_us: int | None,
    limit: int,
    columns: Sequence[str] = HISTORY_COLUMNS,
) -> list[Row]:
    """Return the newest events of one shopper about items, ts_us > after_us (None: all), newest first, at most `limit`.

    shopper: a shopper key, "u:" and a user_id or "a:" and an anonymous_id; the latter has only events without a user.
    """
    kind, _, shopper_id = shopper.partition(":")
    query = select_columns(events, columns).where(events.c.item_id.is_not(None))
    if kind == "u":
        query = query.where(events.c.user_id == shopper_id)
    else:
        query = query.where(events.c.anonymous_id == shopper_id, events.c.user_id.is_(None))
    if after_us is not None:
        query = query.where(events.c.ts_us > after_us)
    query = query.order_by(events.c.ts_us.desc(), events.c.seq.desc()).limit(limit)
    return [tuple(row) for row in connection.execute(query)]


def data_window(connection: Connection) -> DataWindow:
    """Return how many events there are, and from when to when. Cost: one pass over the table."""
    found = connection.execute(
        select(func.count(), func.min(events.c.ts_us), func.max(events.c.ts_us)).select_from(events)
    ).one()
    return DataWindow(found[0], found[1], found[2], _last_seq(connection))
