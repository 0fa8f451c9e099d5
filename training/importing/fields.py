"""The columns of a format, where a file keeps them (`--map`), and the check of a batch of lines against them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from models.arrays import Int64, Mask
from models.errors import InputError
from models.meant import nearest
from training.importing.columns import Kind
from training.importing.rejects import Reject

SHOWN_CHARACTERS = 60
"""How much of a refused value a reason repeats; the rejects file has the whole line."""


_OTHER_SEPARATORS = (";", "\t", "|")
"""What spreadsheets of some countries write between fields."""


@dataclass(frozen=True)
class Field:
    """One column of a format."""

    name: str
    kind: Kind
    required: bool = False
    default: float | bool | None = None


@dataclass(frozen=True)
class Reading:
    """How a person said that a file is to be read."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Column of the file by field of the format, where the two differ."""
    timezone: str | None = None
    """IANA name of the zone of times that have none."""

    def column_of(self, name: str) -> str:
        """Return what the file calls a field."""
        return self.names.get(name, name)


@dataclass(frozen=True)
class Checked:
    """A batch of lines after the check: each is either among `values` or among `rejects`."""

    values: pl.DataFrame
    """One column a field, times as microseconds; shape (n, fields)."""
    lines: Int64
    """Shape (n,)."""
    rejects: list[Reject]


class Refusals:
    """The first thing wrong with each line of a batch."""

    def __init__(self, size: int) -> None:
        self.reasons: dict[int, str] = {}
        self._size = size

    def note(self, where: pl.Series, words: Callable[[int], str]) -> None:
        """Refuse the lines where `where` is true, with words made from their position in the batch."""
        for position in where.fill_null(value=False).arg_true():
            self.reasons.setdefault(position, words(position))

    @property
    def kept(self) -> Mask:
        """Shape (size,): the lines with which nothing is wrong."""
        kept = np.ones(self._size, dtype=bool)
        kept[list(self.reasons)] = False
        return kept


def read_mapping(options: Iterable[str], fields: Sequence[Field]) -> dict[str, str]:
    """Return what `--map user_id=CustomerID,ts=Date` says. Raises InputError."""
    known = [each.name for each in fields]
    mapping: dict[str, str] = {}
    for pair in (pair.strip() for option in options for pair in option.split(",")):
        name, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not column:
            message = f"--map {pair!r} is no pair; write --map FIELD=COLUMN, such as --map user_id=CustomerID"
            raise InputError(message)
        if name not in known:
            raise InputError(
                f"--map knows no field {name!r}; did you mean {nearest(name, known)}? The fields are {', '.join(known)}"
            )
        mapping[name] = column
    return mapping


def check_timezone(timezone: str | None) -> str | None:
    """Return `timezone` if there is one of that name. Raises InputError."""
    if timezone is not None:
        try:
            pl.Series([datetime(2000, 1, 1, tzinfo=UTC)]).dt.convert_time_zone(timezone)
        except pl.exceptions.PolarsError as error:
            message = f"--timezone {timezone!r} is no time zone; name one such as Europe/London or UTC"
            raise InputError(message) from error
    return timezone


def require_columns(columns: Sequence[str], fields: Sequence[Field], reading: Reading, source: str) -> None:
    """Raise InputError if a file lacks the column of a field that it must have, or one that `--map` names."""
    needed = [
        (each.name, reading.column_of(each.name)) for each in fields if each.required or each.name in reading.names
    ]
    for name, column in needed:
        if column not in columns:
            raise InputError(_no_column(column, name, columns, source))


def _no_column(column: str, name: str, columns: Sequence[str], source: str) -> str:
    """Say what to do about a column that is not there."""
    if not columns:
        return f"{source} has no columns: its first line is no object with names; see docs/formats.md"
    if len(columns) == 1 and (separator := next((sign for sign in _OTHER_SEPARATORS if sign in columns[0]), None)):
        return f"{source} is parted by {separator!r}, and Endcap reads commas: export it again with commas"
    return (
        f"{source} has no column {column!r} for {name}; name it with --map {name}=COLUMN. "
        f"Its columns are {', '.join(map(repr, columns))[:500]}"
    )


def unused_columns(columns: Sequence[str], fields: Sequence[Field], reading: Reading) -> list[str]:
    """Return the columns of a file that no field reads."""
    used = {reading.column_of(each.name) for each in fields}
    return [column for column in columns if column not in used]


def check(
    frame: pl.DataFrame,
    lines: Int64,
    fields: Sequence[Field],
    reading: Reading,
    across: Callable[[pl.DataFrame, Refusals], None] | None = None,
) -> Checked:
    """Read a batch and part the lines that can be kept from those that cannot.

    frame: shape (n, columns), as the file has them. lines: shape (n,).
    across: notes what is wrong between the fields of a line.
    Raises InputError if a whole column holds what can be no such field.
    """
    refusals = Refusals(len(frame))
    columns = [_read_field(frame, each, reading, refusals) for each in fields]
    values = pl.DataFrame(columns)
    if across is not None:
        across(values, refusals)
    if not refusals.reasons:
        return Checked(values, lines, [])
    kept = refusals.kept
    return Checked(values.filter(pl.Series(kept)), lines[kept], _rejects(frame, lines, fields, reading, refusals))


def _read_field(frame: pl.DataFrame, field: Field, reading: Reading, refusals: Refusals) -> pl.Series:
    column = reading.column_of(field.name)
    if column not in frame.columns:
        given = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
    else:
        given = _as_given(frame[column], field.kind)
    try:
        value = field.kind.read(given, reading.timezone).alias(field.name)
    except pl.exceptions.PolarsError as error:
        message = f"the column {column!r} holds {given.dtype}, which cannot be {field.name}; name another with --map"
        raise InputError(message) from error
    _note_unreadable(given, value, field, refusals)
    return value if field.default is None else value.fill_null(field.default)


def _as_given(given: pl.Series, kind: Kind) -> pl.Series:
    """Return the column with null where nothing was given: an empty text, and not-a-number where text is wanted."""
    if given.dtype == pl.String:
        return given.set(given == "", None)
    if given.dtype.is_float() and kind.dtype == pl.String:
        return given.fill_nan(None)
    return given


def _note_unreadable(given: pl.Series, value: pl.Series, field: Field, refusals: Refusals) -> None:
    if field.required:
        refusals.note(given.is_null(), lambda _: f"{field.name} is missing")
    if given.null_count() == len(given):
        return

    def saying(words: str) -> Callable[[int], str]:
        return lambda position: f"{field.name} {_shown(given[position])} {words}"

    refusals.note(given.is_not_null() & value.is_null(), saying(field.kind.unreadable))
    for limit in field.kind.limits:
        refusals.note(limit.outside(value), saying(limit.words))


def _shown(value: Any) -> str:  # noqa: ANN401 - what a file holds
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _rejects(
    frame: pl.DataFrame, lines: Int64, fields: Sequence[Field], reading: Reading, refusals: Refusals
) -> list[Reject]:
    read = [column for each in fields if (column := reading.column_of(each.name)) in frame.columns]
    shown = frame.select(list(dict.fromkeys(read)))
    return [
        Reject(int(lines[position]), reason, shown.row(position, named=True))
        for position, reason in sorted(refusals.reasons.items())
    ]
