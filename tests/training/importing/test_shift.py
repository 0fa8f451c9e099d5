"""Old data ends in the week before its first import, and stays where that import put it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from store.database import Database
from tests.worlds import microseconds
from training.cutoff import WEEK_US
from training.importing.shift import decide_shift, weeks_between

END = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
END_US = microseconds(END)
NOW_US = microseconds(datetime(2026, 11, 22, 12, tzinfo=UTC))


@given(st.integers(END_US, END_US + 3_000 * WEEK_US))
def test_the_data_ends_in_the_week_before_now(now_us: int) -> None:
    moved_end_us = END_US + weeks_between(END_US, now_us) * WEEK_US
    assert now_us - WEEK_US < moved_end_us <= now_us


def test_weekday_and_hour_are_kept() -> None:
    moved = END + timedelta(weeks=weeks_between(END_US, NOW_US))
    assert moved == datetime(2026, 11, 16, 4, 1, 20, tzinfo=UTC)
    assert moved.weekday() == END.weekday()


def test_the_first_import_decides_for_all(database: Database) -> None:
    assert decide_shift(database, data_end_us=END_US, now_us=NOW_US, keep_times=False) == 463
    assert decide_shift(database, data_end_us=END_US, now_us=NOW_US + 9 * WEEK_US, keep_times=False) == 463
    with pytest.raises(InputError, match="moved by 463 weeks, which --keep-times cannot undo"):
        decide_shift(database, data_end_us=END_US, now_us=NOW_US, keep_times=True)


def test_kept_times_are_kept_by_later_imports(database: Database) -> None:
    assert decide_shift(database, data_end_us=END_US, now_us=NOW_US, keep_times=True) == 0
    assert decide_shift(database, data_end_us=END_US, now_us=NOW_US, keep_times=False) == 0
