"""Events of a file: what they must say, the ids of those that have none, and the rows that the store keeps."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import polars as pl

from models.arrays import Int64
from models.events import EVENT_TYPES
from store.bulk import Row
from store.canonical import digest_of
from store.database import Database, Transaction
from store.events import EVENT_COLUMNS, append_events, deferred_indexes
from training.importing.columns import AMOUNT, ID, MAP, MONEY, NUMBER, TIME, WHOLE, Kind, Limit, one_of
from training.importing.fields import Field, Reading, Refusals, check
from training.importing.files import Batch
from training.importing.occurrences import Occurrences
from training.importing.target import Prepared, Stored

EARLIEST_US = 631_152_000_000_000
"""1990-01-01, design's bound: what is older is an unset clock or a wrong unit."""

EVENT_TYPE = one_of(EVENT_TYPES)


def event_fields(now_us: int) -> tuple[Field, ...]:
    """Return the columns of events, in the store's order; `now_us` is the latest time that an event can have."""
    time = Kind(
        TIME.dtype,
        TIME.read,
        TIME.unreadable,
        (
            Limit(lambda ts_us: ts_us < EARLIEST_US, "is before 1990; check its unit and its zone"),
            Limit(lambda ts_us: ts_us > now_us, "is in the future; check the clock that wrote it and its zone"),
        ),
    )
    return (
        Field("event_id", ID),
        Field("event_type", EVENT_TYPE, required=True),
        Field("user_id", ID),
        Field("anonymous_id", ID),
        Field("session_id", ID),
        Field("item_id", ID),
        Field("ts", time, required=True),
        Field("quantity", AMOUNT, default=1.0),
        Field("price", MONEY),
        Field("currency", ID),
        Field("order_id", ID),
        Field("value", NUMBER),
        Field("recommendation_id", ID),
        Field("position", WHOLE),
        Field("channel", ID),
        Field("properties", MAP),
    )


def refuse_incomplete(values: pl.DataFrame, refusals: Refusals) -> None:
    """Refuse events of nobody, and events about no item but for a search."""
    refusals.note(
        values["user_id"].is_null() & values["anonymous_id"].is_null(), lambda _: "user_id and anonymous_id are missing"
    )
    refusals.note(values["item_id"].is_null() & (values["event_type"] != "search"), lambda _: "item_id is missing")


class EventsTarget:
    """The events table.

    The digest of an event is a hash of its own fields by name. An event without an id is called "h", the second of its
    time and its digest, both in hexadecimal; the second such event of a file has a "-2" after it, and so on. All of it
    is made before the time is moved, so that it stays the same when the move is another.
    """

    def __init__(self, now_us: int, reading: Reading, *, shift_us: int = 0) -> None:
        self.fields = event_fields(now_us)
        self._reading = reading
        self._shift_us = shift_us
        self._occurrences = Occurrences()

    def filling(self, database: Database) -> AbstractContextManager[bool]:
        return deferred_indexes(database)

    def prepare(self, batch: Batch) -> Prepared:
        """Check a batch and name the events that have no id. Raises InputError."""
        checked = check(batch.frame, batch.lines, self.fields, self._reading, refuse_incomplete)
        return Prepared(self._rows(checked.values), checked.lines, [*batch.unreadable, *checked.rejects])

    def _rows(self, values: pl.DataFrame) -> list[Row]:
        """Return rows in the order of EVENT_COLUMNS."""
        content = {
            "ts_us" if column.name == "ts" else column.name: column.to_list()
            for column in values.drop("event_id").iter_columns()
        }
        digests = _digests(content)
        content["event_id"] = self._ids(values["event_id"], content["ts_us"], digests)
        content["digest"] = digests.tolist()
        content["ts_us"] = [ts_us + self._shift_us for ts_us in content["ts_us"]]
        return list(zip(*(content[name] for name in EVENT_COLUMNS), strict=True))

    def _ids(self, given: pl.Series, times_us: list[int], digests: Int64) -> list[str]:
        ids = given.to_list()
        nameless = np.flatnonzero(given.is_null().to_numpy())
        numbers = self._occurrences.number(digests[nameless])
        hashes = digests.view(np.uint64)[nameless]
        for at, number, digest in zip(nameless.tolist(), numbers.tolist(), hashes.tolist(), strict=True):
            # The time comes first: in a file in order of time the ids come in order too, and SQLite takes them in for
            # 57 % of the processor and a sixth of the writing that random ones cost (Complete Journey, 2026-11).
            name = f"h{times_us[at] // 1_000_000:08x}{digest:016x}"
            ids[at] = name if number == 1 else f"{name}-{number}"
        return ids

    def store(self, connection: Transaction, rows: Sequence[Row]) -> Stored:
        appended = append_events(connection, rows)
        return Stored(appended.accepted, appended.duplicates, appended.conflicting)


def _digests(content: dict[str, list[Any]]) -> Int64:
    """Hash each event by its own fields."""
    names = sorted(content)
    hashes = [
        digest_of({name: value for name, value in zip(names, row, strict=True) if value is not None})
        for row in zip(*(content[name] for name in names), strict=True)
    ]
    return np.frombuffer(b"".join(hashes), dtype="<i8").astype(np.int64)
