"""Items and users of a file: rows by id, of which the last counts."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from store.bulk import Row
from store.database import Database, Transaction
from store.upserts import Upserted
from training.importing.fields import Field, Reading, check
from training.importing.files import Batch
from training.importing.target import Prepared, Stored


class Upsert(Protocol):
    """How the store takes the rows of a table."""

    def __call__(self, connection: Transaction, rows: Sequence[Row], *, now_us: int) -> Upserted:
        """Store the rows that are new or differ."""


@dataclass(frozen=True)
class UpsertTarget:
    """A table of rows by id, whose columns are the fields in their order."""

    fields: Sequence[Field]
    upsert: Upsert
    reading: Reading
    now_us: int
    """When the import began."""
    began_seconds: float = field(default_factory=time.monotonic)

    def filling(self, _database: Database) -> AbstractContextManager[bool]:
        return nullcontext(enter_result=False)

    def prepare(self, batch: Batch) -> Prepared:
        """Check a batch. Raises InputError."""
        checked = check(batch.frame, batch.lines, self.fields, self.reading)
        return Prepared(checked.values.rows(), checked.lines, [*batch.unreadable, *checked.rejects])

    def store(self, connection: Transaction, rows: Sequence[Row]) -> Stored:
        """Store the rows; one that the table has just so, or that a later one replaces, is a duplicate."""
        # Each batch has its own date: who asks what changed in the last minute must hear of the end of a long import.
        later_us = int((time.monotonic() - self.began_seconds) * 1e6)
        upserted = self.upsert(connection, rows, now_us=self.now_us + later_us)
        accepted = upserted.inserted + upserted.changed
        return Stored(accepted, len(rows) - accepted)
