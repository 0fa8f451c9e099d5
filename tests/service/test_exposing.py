"""What was shown is written down within a second, without anybody waiting, and goes when it is old."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Event

import pytest
from sqlalchemy import Connection

from models.errors import DatabaseError
from service import exposing
from service.exposing import AT_ONCE, Exposure, ExposureLog
from service.metrics import Metrics
from store import database as database_module
from store.database import Database
from store.exposures import read_exposures, write_exposures
from store.opening import open_database

DAY_US = 86_400_000_000


def shown(number: int, ts_us: int = 100 * DAY_US) -> Exposure:
    return Exposure(f"rec_{number}", ts_us, "u:1", "home", "m", None, ("milk", "bread"))


def stored(database: Database) -> list[str]:
    with database.reading() as connection:
        return [line.recommendation_id for line in read_exposures(connection, since_us=0, limit=99_999)]


def dropped(metrics: Metrics) -> float:
    [line] = [line for line in metrics.render().decode().splitlines() if line.startswith("endcap_exposures_dropped_")]
    return float(line.split()[-1])


@asynccontextmanager
async def logging(
    database: Database, metrics: Metrics, *, sample: float = 1.0, most_waiting: int = 10_000
) -> AsyncIterator[ExposureLog]:
    with ThreadPoolExecutor(1) as thread:
        log = ExposureLog(
            database,
            thread,
            metrics,
            keep_days=30,
            sample=sample,
            most_waiting=most_waiting,
            now_us=lambda: 100 * DAY_US,
        )
        await log.start()
        yield log
        await log.close(5)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(5_000):
        if is_so():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it never came")


def test_a_line_is_written_soon_without_another_coming(database: Database) -> None:
    async def story() -> None:
        async with logging(database, Metrics()) as log:
            log.put(shown(1))
            assert stored(database) == []
            await until(lambda: stored(database) == ["rec_1"])
            log.put(shown(2))
            await until(lambda: stored(database) == ["rec_1", "rec_2"])

    asyncio.run(story())


def test_many_lines_do_not_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposing, "DELAY_SECONDS", 3_600)

    async def story() -> None:
        async with logging(database, Metrics()) as log:
            for number in range(AT_ONCE):
                log.put(shown(number))
            await until(lambda: len(stored(database)) == AT_ONCE)

    asyncio.run(story())


def test_what_comes_while_lines_are_written_waits_for_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposing, "DELAY_SECONDS", 3_600)
    monkeypatch.setattr(exposing, "PAUSE_AFTER", AT_ONCE)
    written, some_came = list[int](), Event()

    def write(_: object, lines: list[Exposure]) -> None:
        written.append(len(lines))
        some_came.wait(5)

    monkeypatch.setattr(exposing, "write_exposures", write)

    async def story() -> None:
        async with logging(database, Metrics()) as log:
            for number in range(AT_ONCE):
                log.put(shown(number))
            await until(lambda: written == [AT_ONCE])
            log.put(shown(AT_ONCE))
            some_came.set()
            await asyncio.sleep(0.05)
            log.put(shown(AT_ONCE + 1))

    asyncio.run(story())
    assert written == [AT_ONCE, 2]


def test_lines_of_one_transaction_go_in_together_or_not_at_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposing, "PAUSE_AFTER", 2)
    metrics = Metrics()

    def write(connection: Connection, lines: list[Exposure]) -> None:
        if lines[0].recommendation_id == "rec_2":
            raise DatabaseError("full")
        write_exposures(connection, lines)

    monkeypatch.setattr(exposing, "write_exposures", write)

    async def story() -> None:
        async with logging(database, metrics) as log:
            for number in range(3):
                log.put(shown(number))
            await until(lambda: dropped(metrics) == 3)
            log.put(shown(3))

    asyncio.run(story())
    assert stored(database) == ["rec_3"]


def test_the_end_writes_what_waits(database: Database) -> None:
    metrics = Metrics()

    async def story() -> None:
        async with logging(database, metrics) as log:
            for number in range(3 * AT_ONCE + 1):
                log.put(shown(number))

    asyncio.run(story())
    assert len(stored(database)) == 3 * AT_ONCE + 1
    assert dropped(metrics) == 0


def test_a_line_without_room_is_dropped_and_counted(database: Database) -> None:
    metrics = Metrics()

    async def story() -> None:
        async with logging(database, metrics, most_waiting=3) as log:
            for number in range(5):
                log.put(shown(number))

    asyncio.run(story())
    assert stored(database) == ["rec_0", "rec_1", "rec_2"]
    assert dropped(metrics) == 2


def test_lines_that_the_database_refuses_are_dropped_and_counted_and_the_next_are_written(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.05)
    database, holder = open_database(sqlite_url), open_database(sqlite_url)
    metrics = Metrics()

    async def story() -> None:
        async with logging(database, metrics) as log:
            with holder.writing():
                log.put(shown(1))
                log.put(shown(2))
                await until(lambda: dropped(metrics) == 2)
            log.put(shown(3))
            await until(lambda: stored(database) == ["rec_3"])

    asyncio.run(story())


def test_lines_that_cannot_be_written_in_time_at_the_end_are_counted(sqlite_url: str) -> None:
    database, holder = open_database(sqlite_url), open_database(sqlite_url)
    metrics = Metrics()

    async def story() -> None:
        with ThreadPoolExecutor(1) as thread, holder.writing():
            log = ExposureLog(database, thread, metrics)
            await log.start()
            for number in range(AT_ONCE + 7):
                log.put(shown(number))
            await log.close(0.05)
            assert dropped(metrics) == 7
            holder.close()

    asyncio.run(story())


@pytest.mark.parametrize(("sample", "expected"), [(0.0, 0), (1.0, 2_000), (0.25, 500)])
def test_a_sample_is_a_share_of_the_answers_and_the_same_everywhere(sample: float, expected: int) -> None:
    ids = [f"rec_{number}" for number in range(2_000)]
    chosen = [exposing._is_sampled(name, sample) for name in ids]
    assert sum(chosen) == pytest.approx(expected, abs=60 if 0 < sample < 1 else 0)
    assert [exposing._is_sampled(name, sample) for name in ids] == chosen


def test_an_answer_outside_the_sample_leaves_no_line_and_is_not_counted_as_lost(database: Database) -> None:
    metrics = Metrics()

    async def story() -> None:
        async with logging(database, metrics, sample=0.5) as log:
            for number in range(200):
                log.put(shown(number))

    asyncio.run(story())
    assert set(stored(database)) == {f"rec_{n}" for n in range(200) if exposing._is_sampled(f"rec_{n}", 0.5)}
    assert dropped(metrics) == 0


def test_old_lines_go_in_small_steps_and_young_ones_stay(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposing, "PRUNE_AT_ONCE", 3)
    with database.writing() as connection:
        write_exposures(connection, [shown(day, ts_us=day * DAY_US) for day in range(60, 81)])

    async def story() -> None:
        async with logging(database, Metrics()):
            await until(lambda: len(stored(database)) == 11)

    asyncio.run(story())
    assert stored(database) == [f"rec_{day}" for day in range(70, 81)]
