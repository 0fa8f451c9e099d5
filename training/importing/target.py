"""What an import fills: one of the three tables."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from models.arrays import Int64
from store.bulk import Row
from store.database import Database, Transaction
from training.importing.fields import Field
from training.importing.files import Batch
from training.importing.rejects import Reject


@dataclass(frozen=True)
class Prepared:
    """A batch that has been checked: the rows to store, and the lines that cannot be."""

    rows: list[Row]
    lines: Int64
    """Shape (len(rows),): the line of each."""
    rejects: list[Reject]

    def after(self, line: int) -> "Prepared":
        """Return what comes after `line`."""
        first = int((self.lines <= line).sum())
        return Prepared(
            self.rows[first:], self.lines[first:], [reject for reject in self.rejects if reject.line > line]
        )


@dataclass(frozen=True)
class Stored:
    """What became of the rows of a batch; together with `conflicting` they add up to its size."""

    accepted: int
    duplicates: int
    """Rows that the table has already, just so."""
    conflicting: tuple[int, ...] = ()
    """Positions of the rows whose id belongs to another row."""


class Target(Protocol):
    """One of the tables. Made for one import; batches come in the order of the file."""

    @property
    def fields(self) -> Sequence[Field]:
        """The columns of its format."""

    def filling(self, database: Database) -> AbstractContextManager[bool]:
        """Hold the table ready while an import runs; gives whether it is empty, so that nobody can be using it."""

    def prepare(self, batch: Batch) -> Prepared:
        """Check a batch. Raises InputError if a whole column holds the wrong thing."""

    def store(self, connection: Transaction, rows: Sequence[Row]) -> Stored:
        """Store rows of `prepare`."""
