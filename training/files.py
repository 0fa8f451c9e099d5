"""A shop from files alone: the frames that training reads, without a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.errors import InputError
from training.importing.events import event_fields, refuse_incomplete
from training.importing.fields import Field, Reading, check, require_columns
from training.importing.files import open_file
from training.importing.items import ITEM_FIELDS
from training.importing.run import Job, refuse_events
from training.importing.tables import TableName
from training.read import ShopData, events_of, items_of

_SHOPPER = ("user_id", "anonymous_id")
_NOT_LEARNED = ("currency", "margin", "image_url", "url")
_TIMES = ("available_from", "available_until", "published_at")


@dataclass(frozen=True)
class FileShops:
    """What files hold of a shop."""

    shops: tuple[ShopData, ...]
    """One for each file of events; they share a catalogue."""
    remarks: tuple[str, ...]
    """What was not taken, and why; a sentence a file."""


def file_job(table: TableName, path: Path, reading: Reading) -> Job:
    """Return the reading of one file. Raises InputError if there is no such file, or of no kind that can be read."""
    return Job(table, table, open_file(path), reading)


def read_files(events: Sequence[Job], items: Job | None, *, now_us: int) -> FileShops:
    """Read a shop; without items the catalogue is made of what the events are about.

    now_us: the latest time that an event can have. Raises InputError if a column is missing, or no line can be taken.
    """
    several = [_events(job, now_us) for job in events]
    remarks = [remark for _, found in several for remark in found]
    if items is None:
        catalogue = items_made_of(pl.concat([frame for frame, _ in several]))
    else:
        taken, more = _taken(items, ITEM_FIELDS)
        remarks += more
        once = taken.unique("item_id", keep="last", maintain_order=True).drop(_NOT_LEARNED)
        catalogue = items_of(once.rename({name: f"{name}_us" for name in _TIMES}))
    return FileShops(tuple(ShopData(frame, catalogue, 0) for frame, _ in several), tuple(remarks))


def items_made_of(events: pl.DataFrame) -> pl.DataFrame:
    """Return a catalogue of all items that events are about, published with their first event; no more is known."""
    nothing = pl.lit(None, pl.String)
    moment = pl.lit(None, events.schema["ts"])
    return (
        events.group_by("item_id")
        .agg(published_at=pl.col("ts").min())
        .sort("item_id")
        .select(
            "item_id",
            group_id=nothing,
            title=nothing,
            description=nothing,
            category=pl.lit([], pl.List(pl.String)),
            brand=nothing,
            price=pl.lit(None, pl.Float64),
            in_stock=pl.lit(value=True),
            recommendable=pl.lit(value=True),
            available_from=moment,
            available_until=moment,
            tags=pl.lit([], pl.List(pl.String)),
            attributes=nothing,
            published_at="published_at",
            embedding=pl.lit(None, pl.List(pl.Float32)),
        )
    )


def _events(job: Job, now_us: int) -> tuple[pl.DataFrame, tuple[str, ...]]:
    values, remarks = _taken(job, event_fields(now_us))
    # A retry has the id of the first try.
    retried = values["event_id"].is_not_null() & ~values["event_id"].is_first_distinct()
    frame = events_of(values.filter(~retried).rename({"ts": "ts_us"}))
    if frame.is_empty():
        raise InputError(f"no event in {job.source.name} is about an item; choose another file")
    return frame.sort("shopper", "ts", maintain_order=True), remarks


def _taken(job: Job, fields: Sequence[Field]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the lines that can be kept, and what to say of the others."""
    values, refused, n_refused, reading = [], "", 0, job.reading
    for number, batch in enumerate(job.source.batches()):
        if number == 0:
            reading = _with_someone(batch.frame.columns, reading) if job.table == "events" else reading
            refuse_events(batch.frame.columns, job)
            require_columns(batch.frame.columns, fields, reading, job.source.name)
        across = refuse_incomplete if job.table == "events" else None
        checked = check(batch.frame, batch.lines, fields, reading, across)
        values.append(checked.values)
        rejects = sorted([*batch.unreadable, *checked.rejects], key=lambda reject: reject.line)
        n_refused += len(rejects)
        if rejects and not refused:
            refused = f"line {rejects[0].line}: {rejects[0].reason}"
    n_taken = sum(map(len, values))
    if not n_taken:
        raise InputError(f"no line of {job.source.name} can be taken; {refused or 'it has no rows'}")
    said = f"{job.source.name}: {n_refused:,} of {n_refused + n_taken:,} lines were not taken; the first, {refused}"
    return pl.concat(values), (said,) if n_refused else ()


def _with_someone(columns: Sequence[str], reading: Reading) -> Reading:
    """Read sessions as shoppers where a file names nobody else: some data sets know sessions only."""
    session = reading.column_of("session_id")
    if session not in columns or any(reading.column_of(name) in columns for name in _SHOPPER):
        return reading
    return Reading({**reading.names, "anonymous_id": session}, reading.timezone)
