"""Parquet, CSV and JSON lines as batches of lines with their numbers.

A file that breaks off gives what it holds up to there, and then raises BrokenFileError with the line.
"""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np
import polars as pl

from models.arrays import Int64
from models.errors import InputError
from training.importing.rejects import Reject

BATCH_LINES = 20_000
"""Lines that are read, checked and committed together. Changes memory and speed, not results."""


class BrokenFileError(InputError):
    """A file cannot be read any further; what came before has been given."""


@dataclass(frozen=True)
class Batch:
    """Some lines of a file, in its order."""

    frame: pl.DataFrame
    """Shape (n, columns): what the lines say, all of it text in CSV and JSON lines."""
    lines: Int64
    """Shape (n,): their numbers, counted from 1; the header of a CSV file is line 1."""
    unreadable: tuple[Reject, ...]
    """Lines among them that are not of the file's own shape."""
    share_done: float
    """How much of the file has been read by now, 0 to 1."""

    @property
    def last_line(self) -> int:
        """The number of the last line that this batch covers."""
        last: int = self.lines[-1:].max(initial=0)
        return max(int(last), *(reject.line for reject in self.unreadable[-1:]), 0)


class Source(Protocol):
    """What an import reads, twice the same."""

    @property
    def name(self) -> str:
        """The path, or what people call it."""

    @property
    def sha256(self) -> str:
        """Of the file: the same lines with the same numbers."""

    def batches(self) -> Iterator[Batch]:
        """Give the lines in order. Raises InputError."""


@dataclass(frozen=True)
class FileSource:
    """A file of one of the three formats."""

    path: Path
    sha256: str

    @property
    def name(self) -> str:
        return str(self.path)

    def batches(self) -> Iterator[Batch]:
        """Give the lines in order. Raises InputError, or BrokenFileError after what could be read."""
        return READERS[self.path.suffix.lower()](self.path)


@dataclass(frozen=True)
class FileView:
    """A file that a data set gives in other words; what derives from it says in which."""

    file: FileSource

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def sha256(self) -> str:
        return self.file.sha256


@dataclass(frozen=True)
class FrameSource:
    """A table that was made from `name`, a file with hash `sha256`; its rows count as lines."""

    name: str
    sha256: str
    frame: pl.DataFrame

    def batches(self) -> Iterator[Batch]:
        """Give the rows in order."""
        for start in range(0, len(self.frame), BATCH_LINES):
            part = self.frame.slice(start, BATCH_LINES)
            yield Batch(part, _numbers(start, len(part)), (), (start + len(part)) / len(self.frame))


def open_file(path: Path) -> FileSource:
    """Return the file at `path`. Raises InputError if it is not one that can be read."""
    if path.suffix.lower() not in READERS:
        message = f"cannot tell what {path} holds by its name; Endcap reads {', '.join(READERS)}: rename or convert it"
        raise InputError(message)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}; check the path and who may read it"
        raise InputError(message) from error
    if size == 0:
        message = f"{path} is empty; export it again"
        raise InputError(message)
    return FileSource(path, sha256)


def _numbers(before: int, count: int) -> Int64:
    return np.arange(before + 1, before + count + 1, dtype=np.int64)


def read_parquet(path: Path) -> Iterator[Batch]:
    """Give the rows of a Parquet file; a line is a row."""
    start = 0
    try:
        rows = pl.scan_parquet(path, glob=False)
        total = int(rows.select(pl.len()).collect().item())
        while start < total:
            frame = rows.slice(start, BATCH_LINES).collect()
            yield Batch(frame, _numbers(start, len(frame)), (), (start + len(frame)) / total)
            start += len(frame)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _broken(path, start + 1, " ".join(str(error).split())[:200]) from error


Line: TypeAlias = tuple[int, Any] | Reject
"""The number of a line and what it says."""


def read_json_lines(path: Path) -> Iterator[Batch]:
    """Give the objects of a file of JSON lines; empty lines are skipped."""
    with path.open("rb") as file:
        yield from _in_batches(file, _json_objects(file, path), _frame_of_objects)


def _json_objects(file: BinaryIO, path: Path) -> Iterator[Line]:
    for number, line in enumerate(file, start=1):
        if line.isspace():
            continue
        try:
            read = json.loads(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        except (ValueError, RecursionError) as error:
            raise _broken(path, number, f"it is not JSON ({error})") from error
        if not isinstance(read, dict):
            yield Reject(number, "is JSON, but not an object; write one object a line")
        elif b"\\u" in line and not _is_text(read):
            yield Reject(number, "holds half of a surrogate pair, which is no character; take it out")
        else:
            yield number, read


def _is_text(read: Any) -> bool:  # noqa: ANN401 - what a file holds
    try:
        json.dumps(read, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _frame_of_objects(objects: list[dict[str, Any]]) -> pl.DataFrame:
    names = dict.fromkeys(name for each in objects for name in each)
    return pl.DataFrame(
        {name: pl.Series([_as_text(each.get(name)) for each in objects], dtype=pl.String) for name in names}
    )


def _as_text(value: Any) -> str | None:  # noqa: ANN401 - what a file holds
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def read_csv(path: Path) -> Iterator[Batch]:
    """Give the rows of a CSV file (RFC 4180, UTF-8) whose first line names the columns; empty lines are skipped."""
    with path.open("rb") as file:
        rows = csv.reader(_decoded(file, path), strict=True)
        columns = _header(rows, path)
        yield from _in_batches(file, _csv_rows(rows, columns, file, path), lambda read: _frame_of_rows(read, columns))


def _decoded(file: BinaryIO, path: Path) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _broken(path, number, "it is not UTF-8; convert the file, with iconv for example") from error


def _header(rows: Any, path: Path) -> list[str]:  # noqa: ANN401 - csv has no name for its reader
    try:
        columns = [name.strip() for name in next(rows, [])]
    except csv.Error as error:
        raise _broken(path, 1, str(error)) from error
    if not any(columns) or len(set(columns)) < len(columns):
        message = f"the first line of {path} must name its columns, each by another name; it says {columns}"[:500]
        raise InputError(message)
    return columns


def _csv_rows(rows: Any, columns: list[str], file: BinaryIO, path: Path) -> Iterator[Line]:  # noqa: ANN401 - the same
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise _broken(path, number, str(error)) from error
        if row is None:
            return
        if len(row) == len(columns):
            yield number, row
        elif row and len(row) < len(columns) and _is_torn(file):
            raise _broken(path, number, f"it breaks off after {len(row)} of {len(columns)} fields")
        elif row:
            reason = f"has {len(row)} fields where the first line names {len(columns)}; quote the commas inside a field"
            yield Reject(number, reason, dict(zip(columns, row, strict=False)))


def _is_torn(file: BinaryIO) -> bool:
    """Whether the whole file has been read and its last line has no end."""
    size = os.fstat(file.fileno()).st_size
    return file.tell() == size and os.pread(file.fileno(), 1, size - 1) != b"\n"


def _frame_of_rows(rows: list[list[str]], columns: list[str]) -> pl.DataFrame:
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pl.DataFrame([pl.Series(name, each, dtype=pl.String) for name, each in zip(columns, values, strict=True)])


def _in_batches(
    file: BinaryIO, lines: Iterator[Line], frame_of: Callable[[list[Any]], pl.DataFrame]
) -> Iterator[Batch]:
    """Gather lines into batches; when the file breaks off, give what there is before saying so."""
    size = os.fstat(file.fileno()).st_size
    broken: BrokenFileError | None = None
    while broken is None:
        taken: list[Line] = []
        try:
            # The list keeps the lines that came before the one that raises.
            taken.extend(islice(lines, BATCH_LINES))
        except BrokenFileError as error:
            broken = error
        if not taken:
            break
        rows = [line for line in taken if not isinstance(line, Reject)]
        yield Batch(
            frame_of([row for _, row in rows]),
            np.array([number for number, _ in rows], dtype=np.int64),
            tuple(line for line in taken if isinstance(line, Reject)),
            file.tell() / size,
        )
    if broken is not None:
        raise broken


def _broken(path: Path, line: int, why: str) -> BrokenFileError:
    return BrokenFileError(f"{path} cannot be read from line {line} on: {why}; mend it there and run this again")


READERS: dict[str, Callable[[Path], Iterator[Batch]]] = {
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}
"""By the end of a file's name."""
