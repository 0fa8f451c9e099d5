"""Exposures are stored once, come back in order of time, and go when they are old."""

import json

import pytest
from sqlalchemy import select

from store.database import Database
from store.exposures import Exposure, prune_exposures, read_exposures, write_exposures
from store.schema import exposures


def shown(ts_us: int, shopper: str | None = "u:1") -> Exposure:
    return Exposure(f"rec_{ts_us}", ts_us, shopper, "home", "2026-11-21T1200Z-3f9c", None, ("milk", "牛奶"))


def stored(database: Database, since_us: int = 0, limit: int = 99) -> list[Exposure]:
    with database.reading() as connection:
        return read_exposures(connection, since_us=since_us, limit=limit)


def write(database: Database, *lines: Exposure) -> None:
    with database.writing() as connection:
        write_exposures(connection, lines)


@pytest.mark.parametrize("n", [1, 1_200])
def test_what_was_shown_comes_back_in_order_of_time(database: Database, n: int) -> None:
    lines = [shown(ts_us, None if ts_us % 2 else "a:1") for ts_us in range(10, 10 + n)]
    write(database, *reversed(lines))
    assert stored(database, limit=9_999) == lines
    assert stored(database, since_us=9 + n) == lines[-1:]
    assert stored(database, limit=1) == lines[:1]


def test_an_exposure_written_twice_is_there_once(database: Database) -> None:
    write(database, shown(1))
    write(database, shown(1), shown(2))
    assert stored(database) == [shown(1), shown(2)]


def test_positions_count_from_one_and_what_is_not_left_to_chance_is_certain(database: Database) -> None:
    write(database, shown(1))
    with database.reading() as connection:
        found = connection.execute(select(exposures.c.positions, exposures.c.propensities)).one()
    assert [json.loads(each) for each in found] == [[1, 2], [1.0, 1.0]]


def test_old_exposures_go_oldest_first_and_no_more_than_asked(database: Database) -> None:
    write(database, *(shown(ts_us) for ts_us in range(1, 11)))
    counts = []
    for _ in range(4):
        with database.writing() as connection:
            counts.append(prune_exposures(connection, before_us=8, limit=3))
    assert counts == [3, 3, 1, 0]
    assert [line.ts_us for line in stored(database)] == [8, 9, 10]
