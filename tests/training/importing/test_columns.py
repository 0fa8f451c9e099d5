"""A column is read whole: what it says comes out, what it cannot say is null."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import EVENT_TYPES
from tests.worlds import microseconds
from training.importing.columns import (
    AMOUNT,
    ID,
    ID_LENGTH_MAX,
    WHOLE,
    Kind,
    one_of,
    read_flag,
    read_list,
    read_map,
    read_number,
    read_text,
    read_time,
    read_vector,
    read_whole,
)

LONDON = "Europe/London"


def text(*values: str | None) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def refused(kind: Kind, *values: object) -> list[bool]:
    column = pl.Series(values, dtype=kind.dtype)
    return [any(limit.outside(column.slice(at, 1))[0] for limit in kind.limits) for at in range(len(values))]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_a_time_with_an_offset_comes_back_as_the_same_moment(local: datetime, minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    written = (
        local.isoformat(timespec="microseconds")
        + f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    )
    assert read_time(text(written), None).to_list() == [microseconds((local - offset).replace(tzinfo=UTC))]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_a_time_without_an_offset_is_local_where_the_zone_is_known_and_unreadable_elsewhere(local: datetime) -> None:
    there = local.replace(tzinfo=ZoneInfo(LONDON))
    skipped = there.astimezone(UTC).astimezone(ZoneInfo(LONDON)).replace(tzinfo=None) != local
    expected = None if skipped else microseconds(there.astimezone(UTC))
    assert read_time(text(local.isoformat()), LONDON).to_list() == [expected]
    assert read_time(text(local.isoformat()), None).to_list() == [None]


def test_of_an_hour_that_happens_twice_it_is_the_first() -> None:
    assert read_time(text("2026-10-25T01:30:00"), LONDON)[0] == microseconds(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-01T25:00:00Z",
        "1700000000",
        "01/02/2026",
    ],
)
def test_what_is_no_time_is_unreadable(written: str) -> None:
    assert read_time(text(written), LONDON).to_list() == [None]


@pytest.mark.parametrize(
    "written",
    ["2026-11-01 10:00:00Z", "2026-11-01t10:00:00z", " 2026-11-01T12:00:00+0200", "2026-11-01 11:00:00.000+01"],
)
def test_the_ways_that_databases_write_a_time_are_read(written: str) -> None:
    assert read_time(text(written), None)[0] == microseconds(datetime(2026, 11, 1, 10, tzinfo=UTC))


def test_parquet_times_are_read_in_their_own_zone_or_the_one_given() -> None:
    moment = datetime(2026, 7, 1, 12)  # noqa: DTZ001
    for unit in ("ms", "us", "ns"):
        naive = pl.Series([moment], dtype=pl.Datetime(unit))
        assert read_time(naive, LONDON)[0] == microseconds(datetime(2026, 7, 1, 11, tzinfo=UTC))
        assert read_time(naive, None)[0] is None
        assert read_time(naive.dt.replace_time_zone("UTC"), LONDON)[0] == microseconds(moment.replace(tzinfo=UTC))
    assert read_time(pl.Series([date(2026, 7, 1)]), LONDON)[0] == microseconds(datetime(2026, 6, 30, 23, tzinfo=UTC))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_from_its_text(number: float) -> None:
    assert read_number(text(f" {number!r} ")).to_list() == [number]


@pytest.mark.parametrize("written", ["NaN", "nan", "inf", "-Infinity", "1,5", "£3", "0x10", "1_000", "true", "--1"])
def test_what_is_no_finite_number_is_unreadable(written: str) -> None:
    assert read_number(text(written)).to_list() == [None]
    assert read_number(pl.Series([float("nan"), float("inf")])).to_list() == [None, None]


def test_a_whole_number_has_no_decimals_and_fits_the_database() -> None:
    assert read_whole(text("3", "3.0", "3.5", "1e3", None)).to_list() == [3, 3, None, 1000, None]
    assert refused(WHOLE, -1, 0, 2**31 - 1, 2**31) == [True, False, False, True]
    assert refused(AMOUNT, 0.0, -1.0, 0.001) == [True, True, False]


def test_numbers_of_people_are_written_without_their_decimals() -> None:
    assert read_text(pl.Series([17850.0, 2.5, None])).to_list() == ["17850", "2.5", None]
    assert read_text(pl.Series([31198570044, 7])).to_list() == ["31198570044", "7"]
    assert read_text(text("007", "")).to_list() == ["007", None]


@given(st.text())
def test_an_id_is_short_and_has_no_control_characters(written: str) -> None:
    has_control = any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in written)
    assert refused(ID, written) == [len(written) > ID_LENGTH_MAX or has_control]


def test_an_id_of_ten_thousand_characters_is_refused_whatever_they_are() -> None:
    assert refused(ID, "x" * 256, "é" * 256, "x" * 257, "x" * 10_000) == [False, False, True, True]


def test_a_flag_is_read_in_the_words_that_people_use() -> None:
    assert read_flag(text("TRUE", "1", " yes", "False", "0", "no", "maybe", None)).to_list() == [
        True,
        True,
        True,
        False,
        False,
        False,
        None,
        None,
    ]
    assert read_flag(pl.Series([True, False, None])).to_list() == [True, False, None]
    assert read_flag(pl.Series([1, 0, 2])).to_list() == [True, False, None]


def test_a_map_is_a_json_object_with_its_keys_in_order() -> None:
    assert read_map(
        text('{"b": 1, "a": "é", "gone": null}', "{}", "[1]", "{", '{"a": NaN}', '{"a": "\\ud800"}')
    ).to_list() == ['{"a":"é","b":1}', "{}", None, None, None, None]
    assert read_map(pl.Series([{"b": 1, "a": None}])).to_list() == ['{"b":1}']


def test_a_list_is_read_from_lists_from_json_and_from_text() -> None:
    def read(given: pl.Series) -> pl.Series:
        return read_list(">|")(given, None)

    assert read(text("Food > Milk", '["a > b", "é", 5]', "single", "a||b", "[1", None)).to_list() == [
        '["Food", "Milk"]',
        '["a > b", "é", "5"]',
        '["single"]',
        '["a", "b"]',
        None,
        None,
    ]
    assert read(pl.Series([["a", None, "b"], []])).to_list() == ['["a", "b"]', "[]"]


def test_a_vector_is_kept_as_float32() -> None:
    expected = np.array([1.5, -2], dtype="<f4").tobytes()
    assert read_vector(text("[1.5, -2]", "[]", "[NaN]", '["a"]', "5", None)).to_list() == [
        expected,
        None,
        None,
        None,
        None,
        None,
    ]
    assert read_vector(pl.Series([[1.5, -2.0]])).to_list() == [expected]


def test_a_word_is_one_of_those_that_are_known() -> None:
    kind = one_of(EVENT_TYPES)
    assert kind.read(text("purchase", "Purchase", "bought", None), None).to_list() == ["purchase", None, None, None]
    assert "wishlist" in kind.unreadable
