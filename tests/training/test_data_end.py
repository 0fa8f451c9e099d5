"""Training ends where the shop's business ends, not where the last stray event is."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from training.data_end import data_end_us

FIRST = datetime(2026, 1, 1, 8, tzinfo=UTC)
NOW = FIRST + timedelta(days=400)


def daily(*counts: int) -> list[datetime]:
    """So many events on each day, a minute apart."""
    return [FIRST + timedelta(days=day, minutes=number) for day, count in enumerate(counts) for number in range(count)]


def end(times: list[datetime]) -> datetime:
    moment = data_end_us(pl.DataFrame({"ts": times}, schema={"ts": pl.Datetime("us", "UTC")}), NOW)
    return datetime.fromtimestamp((moment - 1) / 1e6, UTC)


def test_of_a_shop_in_business_it_is_the_newest_event() -> None:
    times = daily(20, 0, 3, 18, 25)
    assert end(times) == times[-1]


@pytest.mark.parametrize("gap_days", [1, 9, 90])
def test_what_trails_behind_the_last_day_of_business_is_left_out(gap_days: int) -> None:
    times = daily(*[30] * 20)
    strays = [times[-1] + timedelta(days=gap_days, seconds=number) for number in range(2)]
    assert end([*strays, *times]) == times[-1]


def test_events_ahead_of_now_do_not_count() -> None:
    times = daily(5, 5)
    assert end([*times, *[NOW + timedelta(minutes=1)] * 10]) == times[-1]


@pytest.mark.parametrize("times", [daily(1), daily(1, 0, 0, 1), daily(3, 1, 2)])
def test_in_a_small_shop_every_event_is_business(times: list[datetime]) -> None:
    assert end(times) == times[-1]


def test_a_shop_that_grew_has_its_usual_day_of_late() -> None:
    times = daily(*[1] * 100, *[500] * 60, 20)
    assert end(times).date() == (FIRST + timedelta(days=159)).date()
