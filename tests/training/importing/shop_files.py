"""Small files as a shop exports them, imports of them, and what the store holds afterwards."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from store.bulk import Row
from store.database import Database
from store.events import EVENT_COLUMNS, read_events
from tests.worlds import microseconds
from training.importing.fields import Reading
from training.importing.files import open_file
from training.importing.run import Job, Outcome, run_import
from training.importing.tables import TableName

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_US = microseconds(NOW)
READING = Reading()

Line = Mapping[str, Any]


def event(number: int = 1, **fields: object) -> dict[str, Any]:
    """A good purchase; `number` tells it from others."""
    return {
        "event_id": f"e{number}",
        "event_type": "purchase",
        "user_id": f"u{number % 3}",
        "item_id": f"i{number}",
        "ts": "2026-11-01T10:00:00Z",
        "quantity": 2,
        "price": 1.5,
    } | fields


def events(count: int) -> list[dict[str, Any]]:
    return [event(number) for number in range(1, count + 1)]


def write_csv(path: Path, lines: Sequence[Line]) -> Path:
    columns = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)
    return path


def write_json_lines(path: Path, lines: Iterable[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_parquet(path: Path, lines: Sequence[Line]) -> Path:
    pl.DataFrame(list(lines), infer_schema_length=None).write_parquet(path)
    return path


def import_file(
    database: Database, path: Path, table: TableName = "events", *, now_us: int = NOW_US, reading: Reading = READING
) -> Outcome:
    job = Job(table, table, open_file(path), reading)
    return run_import(database, job, path.parent / "rejects", now_us=now_us, watch=lambda _share: None)


def stored_events(database: Database, columns: Sequence[str] = EVENT_COLUMNS) -> list[Row]:
    return [row for batch in read_events(database, None, None, columns) for row in batch]


def rejects_of(outcome: Outcome) -> dict[int, str]:
    """The reasons in the rejects file, by line."""
    if outcome.rejects_path is None:
        return {}
    lines = [json.loads(line) for line in outcome.rejects_path.read_text().splitlines()]
    return {line["line"]: line["reason"] for line in lines}
