"""What --cutoff means, in a database whose times were moved and in one whose times were not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import InputError
from store.opening import open_database
from store.settings import remember
from tests.worlds import microseconds
from training.cutoff import SHIFT_KEY, WEEK_US, mapped_cutoff, stored_shift_us

END = datetime(2026, 11, 16, 4, 1, 20, tzinfo=UTC)
SHIFT = timedelta(weeks=463)


def cutoff(text: str, shift: timedelta = SHIFT) -> datetime:
    cutoff_us = mapped_cutoff(text, shift_us=int(shift.total_seconds()) * 1_000_000, data_end_us=microseconds(END))
    return datetime.fromtimestamp(cutoff_us / 1e6, UTC)


def test_a_date_of_the_data_as_it_came_moves_as_the_data_did() -> None:
    assert cutoff("2017-12-04") == datetime(2017, 12, 4, tzinfo=UTC) + SHIFT
    assert cutoff("2017-12-04").strftime("%A") == "Monday"
    assert cutoff("2017-12-04T06:30:00+02:00") == datetime(2017, 12, 4, 4, 30, tzinfo=UTC) + SHIFT
    assert cutoff("2026-10-01", timedelta()) == datetime(2026, 10, 1, tzinfo=UTC)


def test_days_before_the_end_leave_exactly_so_many_days_behind() -> None:
    assert cutoff("-28d") == END - timedelta(days=28) + timedelta(microseconds=1)
    assert cutoff(" -1d ") == END - timedelta(days=1) + timedelta(microseconds=1)


@pytest.mark.parametrize("text", ["", "28d", "-28", "December", "2017-12", "-0d", "2018-02-01"])
def test_what_is_no_moment_before_the_end_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the cutoff"):
        cutoff(text)


def test_the_end_is_told_as_a_date_of_the_data_as_it_came() -> None:
    with pytest.raises(InputError, match="ends on 2018-01-01"):
        cutoff("2026-10-19")


def test_the_move_is_read_from_the_database(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'endcap.sqlite3'}")
    with database.writing() as connection:
        assert stored_shift_us(connection) == 0
        remember(connection, SHIFT_KEY, "463")
        assert stored_shift_us(connection) == 463 * WEEK_US
    database.close()
