"""The one loop of every import: read a batch, check it, commit it together with how far the import got."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from models.errors import InputError
from store.database import Database, Transaction
from store.imports import ImportRun, advance_import, begin_import, finish_import
from training.importing.fields import Reading, require_columns, unused_columns
from training.importing.files import Batch, BrokenFileError, Source
from training.importing.rejects import Reject, RejectsFile
from training.importing.tables import TableName, target_of
from training.importing.target import Prepared, Target

PAUSE_SHARE = 0.25
"""Of the time that a batch held the only writer's place in SQLite, how long others get it after that."""

USED_ID = "event_id {!r} belongs to an event with other content; give this one an id of its own"


@dataclass(frozen=True)
class Job:
    """One file or table into one table of the database."""

    kind: str
    """The command: events, items, users, complete-journey, online-retail."""
    table: TableName
    source: Source
    reading: Reading
    shift_us: int = 0

    @property
    def mapping(self) -> str:
        """A digest of what decides what the lines mean: an import goes on only where they mean the same."""
        told = [self.table, sorted(self.reading.names.items()), self.reading.timezone, self.shift_us]
        return blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What an import did this time."""

    job: Job
    resumed_after: int
    """The line after which it went on; 0 when it began at the beginning."""
    accepted: int
    duplicates: int
    """Lines that the table has already, just so."""
    conflicts: int
    """Lines whose id belongs to another event; they are among the rejected lines in the file."""
    rejected: int
    """Lines that cannot be taken."""
    rejects_path: Path | None
    """Where the conflicts and the rejected lines are, if there are any."""
    unused: tuple[str, ...]
    """Columns of the file that no field reads."""
    broken: BrokenFileError | None
    """Why the file could not be read to its end."""


Watcher: TypeAlias = Callable[[float], None]
"""Told after every batch what share of the file is done."""


def run_import(database: Database, job: Job, rejects_folder: Path, *, now_us: int, watch: Watcher) -> Outcome:
    """Bring the lines of a source into its table; a file that breaks off is kept up to there.

    An import of the same file with the same reading that broke off goes on after the last line that it committed.
    rejects_folder: where the file of rejected lines goes, named after the import.
    Raises InputError when nothing can be read (then nothing has changed), DatabaseError, StoreError and BusyError.
    """
    target = target_of(job.table, now_us, job.reading, shift_us=job.shift_us)
    batches = job.source.batches()
    first = next(batches, None)
    if first is None:
        message = f"{job.source.name} has no rows; export it again"
        raise InputError(message)
    columns = first.frame.columns
    refuse_events(columns, job)
    require_columns(columns, target.fields, job.reading, job.source.name)
    running = _Running(database, job, target, rejects_folder, now_us)
    broken = None
    with target.filling(database) as is_empty:
        try:
            for batch in chain([first], batches):
                seconds = running.take(batch)
                if database.is_embedded and not is_empty:
                    # The other writers of a SQLite file get a turn.
                    time.sleep(seconds * PAUSE_SHARE)
                watch(batch.share_done)
        except BrokenFileError as error:
            broken = error
    if broken is None:
        running.finish()
    return running.outcome(tuple(unused_columns(columns, target.fields, job.reading)), broken)


class _Running:
    """An import while it runs."""

    def __init__(self, database: Database, job: Job, target: Target, rejects_folder: Path, now_us: int) -> None:
        self._database = database
        self._job = job
        self._target = target
        self._rejects_folder = rejects_folder
        self._now_us = now_us
        self._run: ImportRun | None = None
        self._resumed_after = 0
        self._counts: Counter[str] = Counter()

    def take(self, batch: Batch) -> float:
        """Check a batch and commit it, or what of it is new, together with how far the import is now.

        Returns how many seconds it held the place of the only writer.
        """
        # Before anything is written: a batch that cannot be checked at all leaves no trace of the import.
        prepared = self._target.prepare(batch)
        with self._database.writing(durable=False) as connection:
            began = time.perf_counter()
            run = self._run or self._begin(connection)
            if batch.last_line > run.lines_done:
                self._run = self._commit(connection, run, prepared.after(run.lines_done), batch.last_line)
        return time.perf_counter() - began

    def _begin(self, connection: Transaction) -> ImportRun:
        source = self._job.source
        self._run = begin_import(
            connection,
            kind=self._job.kind,
            source=source.name,
            sha256=source.sha256,
            mapping=self._job.mapping,
            now_us=self._now_us,
        )
        self._resumed_after = self._run.lines_done
        return self._run

    def _commit(self, connection: Transaction, run: ImportRun, fresh: Prepared, last_line: int) -> ImportRun:
        stored = self._target.store(connection, fresh.rows)
        conflicts = [Reject(int(fresh.lines[at]), USED_ID.format(fresh.rows[at][0])) for at in stored.conflicting]
        rejects = sorted([*fresh.rejects, *conflicts], key=lambda reject: reject.line)
        # Before the commit: rejects that are told twice after a crash, rather than never.
        self._rejects_file(run).write(rejects)
        counts = {"accepted": stored.accepted, "duplicates": stored.duplicates, "rejected": len(rejects)}
        self._counts.update(counts, conflicts=len(conflicts))
        return advance_import(connection, run, lines=last_line - run.lines_done, **counts)

    def _rejects_file(self, run: ImportRun) -> RejectsFile:
        return RejectsFile(self._rejects_folder / f"{self._job.kind}-{run.import_id}.jsonl")

    def finish(self) -> None:
        """Say in the database that the whole file was read."""
        if self._run is not None:
            with self._database.writing(durable=False) as connection:
                self._run = finish_import(connection, self._run, now_us=self._now_us)

    def outcome(self, unused: tuple[str, ...], broken: BrokenFileError | None) -> Outcome:
        """Return what this import did this time."""
        counts = self._counts
        return Outcome(
            job=self._job,
            resumed_after=self._resumed_after,
            accepted=counts["accepted"],
            duplicates=counts["duplicates"],
            conflicts=counts["conflicts"],
            rejected=counts["rejected"] - counts["conflicts"],
            rejects_path=self._rejects_file(self._run).path if self._run and counts["rejected"] else None,
            unused=unused,
            broken=broken,
        )


def refuse_events(columns: Sequence[str], job: Job) -> None:
    """Raise InputError for events that would be taken for a catalogue: every row would empty an item's other fields."""
    if job.table != "events" and {"event_type", "ts"} <= set(columns):
        raise InputError(f"{job.source.name} holds events, not {job.table}; use `endcap import events`, or --events")
