"""An import beside the running service changes the next answers."""

import asyncio
from collections.abc import Iterator
from time import monotonic

import pytest

from models.errors import DatabaseError
from service.imported import ImportWatch
from store.circuit import Circuit
from store.database import Database
from store.imports import ImportRun, advance_import, begin_import
from store.shopper_cache.in_process import InProcessCache


def import_lines(database: Database, lines: int) -> ImportRun:
    with database.writing() as connection:
        run = begin_import(connection, kind="events", source="file", sha256="s", mapping="m", now_us=1)
        return advance_import(connection, run, lines=lines, accepted=lines, duplicates=0, rejected=0)


async def remembers(cache: InProcessCache) -> bool:
    return (await cache.look("u:1", ["field"], "history")).answers == (b"answer",)


async def until(cache: InProcessCache, *, remembered: bool) -> None:
    deadline = monotonic() + 20
    while await remembers(cache) is not remembered:
        assert monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("imported_before", [0, 3])
def test_shoppers_are_forgotten_when_an_import_gets_on_and_only_then(database: Database, imported_before: int) -> None:
    if imported_before:
        import_lines(database, imported_before)

    async def story() -> None:
        cache, looked, loop = InProcessCache(), asyncio.Event(), asyncio.get_running_loop()
        watch = ImportWatch(database, cache, Circuit(monotonic), seconds=0.01)
        look = watch._lines

        def counted() -> int:
            loop.call_soon_threadsafe(looked.set)
            return look()

        watch._lines = counted  # type: ignore[method-assign]
        await watch.start()
        token = (await cache.look("u:1", ["field"], "history")).token
        assert token is not None
        await cache.keep_answer("u:1", token, "field", b"answer")
        for _ in range(3):
            looked.clear()
            await looked.wait()
        assert await remembers(cache), "nothing was imported"
        import_lines(database, 2)
        await until(cache, remembered=False)
        await watch.close()

    asyncio.run(story())


def test_a_database_that_is_away_is_looked_at_again_and_its_circuit_hears_of_both() -> None:
    async def story() -> None:
        cache, circuit = InProcessCache(), Circuit(monotonic, failures=1)
        open_when_asked = []
        answers: Iterator[int | DatabaseError] = iter([3, DatabaseError("away"), 5])
        watch = ImportWatch(None, cache, circuit, seconds=0.0)  # type: ignore[arg-type] # the next line reads in its place

        def lines() -> int:
            found = next(answers, 5)
            open_when_asked.append(circuit.is_open)
            if isinstance(found, DatabaseError):
                raise found
            return found

        watch._lines = lines  # type: ignore[method-assign]
        token = (await cache.look("u:1", ["field"], "history")).token
        assert token is not None
        await cache.keep_answer("u:1", token, "field", b"answer")
        await watch.start()
        await until(cache, remembered=False)
        await watch.close()
        assert open_when_asked[:3] == [False, False, True]
        assert not circuit.is_open

    asyncio.run(story())
