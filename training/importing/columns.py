"""What a column of a file holds, read into the type that the store keeps: a whole column at a time.

A reader takes a column as a file gives it and returns one of the same length, null where nothing was given and where
what was given cannot be read. Text is the common tongue: CSV knows nothing else, and JSON lines come as text too.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from models.events import MOST_MONEY, MOST_PIECES
from store.canonical import write_map

ID_LENGTH_MAX = 256
"""Characters of an id, design's bound: longer ones are pasted text, and an index would carry them."""

WHOLE_MAX = 2**31 - 1
"""The largest number that an INTEGER column of PostgreSQL takes."""

Reader: TypeAlias = Callable[[pl.Series, str | None], pl.Series]
"""(column, time zone of times that have none) -> column."""

_OFFSET = r"(?:Z|[+-]\d{2}(?::?\d{2})?)"
_MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?"
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Limit:
    """Values that can be read and yet cannot be."""

    outside: Callable[[pl.Series], pl.Series]
    """Which values of a column are refused."""
    words: str


@dataclass(frozen=True)
class Kind:
    """What a column means, how it is read, and what to say when it cannot be."""

    dtype: pl.DataType
    read: Reader
    unreadable: str
    limits: tuple[Limit, ...] = ()


def read_text(given: pl.Series, _timezone: str | None = None) -> pl.Series:
    """Return text; an empty one is none. A whole number in a column of floats (17850.0) is written as whole (17850)."""
    if given.dtype.is_float():
        whole = given.cast(pl.Int64, strict=False)
        is_whole = (whole.cast(pl.Float64) == given).fill_null(value=False)
        given = given.cast(pl.String).zip_with(~is_whole, whole.cast(pl.String))
    text = given.cast(pl.String)
    return text.zip_with((text != "").fill_null(value=False), _nothing(text))


def _nothing(like: pl.Series, dtype: pl.DataType = pl.String()) -> pl.Series:  # noqa: B008 - a type, never changed
    return pl.Series(like.name, [None], dtype=dtype).new_from_index(0, len(like))


def read_number(given: pl.Series, _timezone: str | None = None) -> pl.Series:
    """Return finite Float64."""
    if not given.dtype.is_numeric():
        given = given.cast(pl.String).str.strip_chars()
    number = given.cast(pl.Float64, strict=False)
    return number.set(~number.is_finite(), None)


def read_whole(given: pl.Series, _timezone: str | None = None) -> pl.Series:
    """Return Int64; 3.0 is 3, and 3.5 is no whole number."""
    number = read_number(given)
    return number.set(number != number.floor(), None).cast(pl.Int64, strict=False)


def read_time(given: pl.Series, timezone: str | None) -> pl.Series:
    """Return Int64 microseconds since the epoch, UTC.

    A time without an offset is read in `timezone`: of an hour that happens twice the first, an hour that is skipped not
    at all. Without a `timezone` it cannot be read.
    """
    if isinstance(given.dtype, pl.Datetime | pl.Date):
        zone = getattr(given.dtype, "time_zone", None)
        time = given.cast(pl.Datetime("us", zone))
        return (_in_zone(time, timezone) if zone is None else time).dt.timestamp("us")
    text = given.cast(pl.String).str.strip_chars().str.to_uppercase()
    text = text.str.replace(r"^(\S{10}) ", "${1}T").str.replace(r"^(\S{10})$", "${1}T00:00:00")
    offset = _matching(text, _MOMENT + _OFFSET + "$")
    time = offset.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    if timezone is not None:
        naive = _matching(text, _MOMENT + "$").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
        time = time.zip_with(time.is_not_null(), _in_zone(naive, timezone))
    return time.dt.timestamp("us")


def _matching(text: pl.Series, pattern: str) -> pl.Series:
    return text.zip_with(text.str.contains(pattern).fill_null(value=False), _nothing(text))


def _in_zone(naive: pl.Series, timezone: str | None) -> pl.Series:
    if timezone is None:
        return _nothing(naive, pl.Datetime("us", "UTC"))
    local = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def read_flag(given: pl.Series, _timezone: str | None = None) -> pl.Series:
    """Return Boolean of true, yes, 1, false, no, 0."""
    text = given.cast(pl.String).str.strip_chars().str.to_lowercase()
    return text.replace_strict(
        {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}, default=None, return_dtype=pl.Boolean
    )


def read_map(given: pl.Series, _timezone: str | None = None) -> pl.Series:
    """Return JSON objects with their keys in order and without those that are null."""
    if isinstance(given.dtype, pl.Struct):
        given = given.struct.json_encode()
    return _each(given.cast(pl.String), pl.String(), _read_object)


def _read_object(text: str) -> str | None:
    read = json.loads(text)
    if not isinstance(read, dict):
        return None
    return write_map(read)


def read_list(separators: str) -> Reader:
    """Return a reader of lists of text into JSON: lists, JSON, or text parted by one of `separators`."""

    def read(given: pl.Series, _timezone: str | None = None) -> pl.Series:
        if isinstance(given.dtype, pl.List | pl.Array):
            return _each(given, pl.String(), lambda parts: _write_list(parts.to_list()))
        return _each(given.cast(pl.String), pl.String(), lambda text: _write_list(_parts(text, separators)))

    return read


def _parts(text: str, separators: str) -> list[Any]:
    if text.lstrip().startswith("["):
        parts: list[Any] = json.loads(text)
        return parts
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return [part.strip() for part in text.split(separators[0])]


def _write_list(parts: list[Any]) -> str:
    known = [part if isinstance(part, str) else json.dumps(part) for part in parts if part not in {None, ""}]
    written = json.dumps(known, ensure_ascii=False)
    written.encode()
    return written


def read_vector(given: pl.Series, _timezone: str | None = None) -> pl.Series:
    """Return Binary: the numbers of a list, or of a JSON list, as little-endian float32."""
    if isinstance(given.dtype, pl.List | pl.Array):
        return _each(given, pl.Binary(), lambda numbers: _pack(numbers.to_list()))
    return _each(given.cast(pl.String), pl.Binary(), lambda text: _pack(json.loads(text)))


def _pack(numbers: list[float]) -> bytes | None:
    vector = np.asarray(numbers, dtype="<f4")
    return vector.tobytes() if vector.ndim == 1 and len(vector) and np.isfinite(vector).all() else None


def _each(given: pl.Series, dtype: pl.DataType, read: Callable[[Any], Any]) -> pl.Series:
    """Apply `read` to what was given, value by value: for columns that few files have, or only short ones."""
    if given.null_count() == len(given):
        return _nothing(given, dtype)

    def read_one(value: Any) -> Any:  # noqa: ANN401 - what a file holds
        try:
            return None if value is None else read(value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None

    return pl.Series(given.name, [read_one(value) for value in given], dtype=dtype)


def one_of(words: tuple[str, ...]) -> Kind:
    """Return the kind of a column that holds one of `words`."""

    def read(given: pl.Series, _timezone: str | None = None) -> pl.Series:
        text = read_text(given)
        return text.zip_with(text.is_in(list(words)).fill_null(value=False), _nothing(text))

    return Kind(pl.String(), read, f"is none of {', '.join(words)}")


HAS_NUL = Limit(lambda text: text.str.contains("\0", literal=True), "holds a NUL character; take it out")
NEGATIVE = Limit(lambda number: number < 0, "is negative")
NOT_POSITIVE = Limit(lambda number: number <= 0, "is not above 0")
TOO_MUCH = Limit(lambda number: number.abs() > MOST_MONEY, f"is farther than {MOST_MONEY:,.0f} from 0")
TOO_MANY = Limit(lambda number: number > MOST_PIECES, f"is above {MOST_PIECES:,.0f}")

ID = Kind(
    pl.String(),
    read_text,
    "is no text",
    (
        Limit(
            lambda text: text.str.len_chars() > ID_LENGTH_MAX, f"is longer than {ID_LENGTH_MAX} characters; shorten it"
        ),
        Limit(lambda text: text.str.contains(r"\p{Cc}"), "holds a control character; take it out"),
    ),
)
TEXT = Kind(pl.String(), read_text, "is no text", (HAS_NUL,))
NUMBER = Kind(pl.Float64(), read_number, "is not a number; leave it out when it is not known", (TOO_MUCH,))
MONEY = Kind(pl.Float64(), read_number, NUMBER.unreadable, (NEGATIVE, TOO_MUCH))
AMOUNT = Kind(pl.Float64(), read_number, NUMBER.unreadable, (NOT_POSITIVE, TOO_MANY))
WHOLE = Kind(
    pl.Int64(),
    read_whole,
    "is not a whole number",
    (NEGATIVE, Limit(lambda number: number > WHOLE_MAX, "is too large")),
)
TIME = Kind(
    pl.Int64(),
    read_time,
    "is not a time; write RFC 3339 such as 2026-11-22T09:30:00+01:00, or name the zone with --timezone",
)
FLAG = Kind(pl.Boolean(), read_flag, "is neither true nor false")
MAP = Kind(pl.String(), read_map, "is not a JSON object")
PATH = Kind(pl.String(), read_list(">|"), "is not a list of text")
TAGS = Kind(pl.String(), read_list("|"), "is not a list of text")
VECTOR = Kind(pl.Binary(), read_vector, "is not a list of finite numbers")
