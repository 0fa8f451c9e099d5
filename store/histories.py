"""The past of every shopper in SQL: training writes them all, an event that changes what a past says drops it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, delete, select, text

from store.bulk import Row, insert_rows
from store.schema import histories

_BATCH_SIZE = 1_000

# A past is stale when an event arrived that lies inside it, or that takes back what it may count. The join begins at
# the few new events, so that its cost does not grow with the number of pasts.
_FORGET_STALE = text("""
    DELETE FROM histories WHERE shopper IN (
        SELECT past.shopper FROM events AS arrived
        JOIN histories AS past ON past.shopper =
            CASE WHEN arrived.user_id IS NULL THEN 'a:' || arrived.anonymous_id ELSE 'u:' || arrived.user_id END
        WHERE arrived.seq > :after_seq
        AND (arrived.ts_us <= past.as_of_us OR arrived.event_type IN ('refund', 'remove_from_cart')))
""")


@dataclass(frozen=True)
class StoredPast:
    """One shopper's past as training left it."""

    as_of_us: int
    memory: str
    """A digest of the memory settings that it was built with; with other settings it has to be built again."""
    packed: bytes
    """What models.history packed."""


def write_pasts(connection: Connection, rows: Iterable[Row], *, seen_seq: int) -> int:
    """Replace all pasts; return how many are kept.

    rows: (shopper, as_of_us, memory, packed) tuples.
    seen_seq: the newest event, by order of arrival, when the reading of them began (`store.events.settled_seq`): a
    past that an event since then made stale is not kept. Events that are being stored meanwhile are not seen here:
    call `forget_stale_pasts` once more after `wait_for_events`, in a transaction after this one.
    """
    connection.execute(delete(histories))
    written, remaining = 0, iter(rows)
    while batch := list(islice(remaining, _BATCH_SIZE)):
        written += insert_rows(connection, histories, ("shopper", "as_of_us", "memory", "packed"), batch, "DO NOTHING")
    return written - forget_stale_pasts(connection, after_seq=seen_seq)


def wait_for_events(connection: Connection) -> None:
    """Wait until all events that are being stored are stored, and keep others waiting until this transaction ends.

    On PostgreSQL several transactions store events at a time, and a lower `seq` may be committed after a higher one;
    SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE events IN SHARE MODE"))


def read_past(connection: Connection, shopper: str) -> StoredPast | None:
    """Return the past of the shopper with this key, or None when there is none, or it went stale."""
    columns = histories.c
    query = select(columns.as_of_us, columns.memory, columns.packed).where(columns.shopper == shopper)
    found = connection.execute(query).one_or_none()
    return None if found is None else StoredPast(*found)


def delete_past(connection: Connection, shopper: str) -> None:
    """Drop the past of the shopper with this key; it is built again from the events."""
    connection.execute(delete(histories).where(histories.c.shopper == shopper))


def forget_stale_pasts(connection: Connection, *, after_seq: int) -> int:
    """Drop the pasts that the events which arrived after `after_seq` made stale; return how many."""
    if connection.scalar(select(histories.c.shopper).limit(1)) is None:
        return 0
    return connection.execute(_FORGET_STALE, {"after_seq": after_seq}).rowcount
