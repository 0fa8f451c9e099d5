"""Events are stored before anybody is told so, in groups, and the next answer knows of them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import event

from models.errors import DatabaseError
from models.history import History, Memory
from models.packing import pack_history, unpack_history
from service import writer as writer_module
from service.histories import history_field
from service.metrics import Metrics
from service.writer import EventWriter, QueueFullError
from store import database as database_module
from store.database import Database
from store.events import Outcome, read_events
from store.opening import open_database
from store.shopper_cache.base import Change
from store.shopper_cache.in_process import InProcessCache
from store.shoppers import history_of
from tests.store.rows import event_row, event_rows

MEMORY = Memory(weights=(1.0,) * 10, half_life_days=30.0, recent_events=4)
UNTIL_US = 50
"""The training data ended here; event_row() happens at 100."""


@asynccontextmanager
async def writing(
    database: Database,
    cache: InProcessCache | None = None,
    *,
    memory: Memory | None = MEMORY,
    most_waiting: int = 10_000,
) -> AsyncIterator[EventWriter]:
    writer = EventWriter(
        database, cache or InProcessCache(), memory=lambda: memory, metrics=Metrics(), most_waiting=most_waiting
    )
    await writer.start()
    try:
        yield writer
    finally:
        await writer.close()


def run(database: Database, story: Callable[[EventWriter], Awaitable[None]]) -> None:
    async def tell() -> None:
        async with writing(database) as writer:
            await story(writer)

    asyncio.run(tell())


class Watched(InProcessCache):
    """Says how many groups have begun to be stored."""

    groups = 0

    async def begin_change(self, shoppers: Sequence[str]) -> Mapping[str, Change]:
        self.groups += 1
        return await super().begin_change(shoppers)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0.001)
    pytest.fail("it never came")


def stored(database: Database) -> list[str]:
    return [event_id for batch in read_events(database, None, None, ("event_id",)) for (event_id,) in batch]


@contextmanager
def commits(database: Database) -> Iterator[list[object]]:
    seen: list[object] = []

    def see(connection: object) -> None:
        seen.append(connection)

    event.listen(database.engine, "commit", see)
    yield seen
    event.remove(database.engine, "commit", see)


@contextmanager
def nothing_can_be_committed(database: Database) -> Iterator[None]:
    def fail(_connection: object) -> None:
        message = "disk I/O error"
        raise sqlite3.OperationalError(message)

    event.listen(database.engine, "commit", fail)
    yield
    event.remove(database.engine, "commit", fail)


async def remember(cache: InProcessCache, history: History, shopper: str = "u:1") -> bytes:
    """Keep a history in the cache as a request would."""
    packed = pack_history(history, MEMORY)
    found = await cache.look(shopper, ("answer",), history_field(MEMORY))
    assert found.token is not None
    await cache.keep_history(shopper, found.token, history_field(MEMORY), packed)
    await cache.keep_answer(shopper, found.token, "answer", b"old")
    return packed


async def remembered(cache: InProcessCache, shopper: str = "u:1") -> bytes | None:
    found = await cache.look(shopper, ("answer",), history_field(MEMORY))
    assert (found.state, found.answers) == ("fresh", (None,))
    return found.history


def from_sql(database: Database, shopper: str = "u:1") -> History:
    with database.reading() as connection:
        return history_of(connection, shopper, MEMORY, UNTIL_US)


def test_what_is_written_is_in_the_database_when_the_writer_answers(database: Database) -> None:
    async def story(writer: EventWriter) -> None:
        assert await writer.write(event_rows(3)) == ["accepted"] * 3
        assert stored(database) == ["e0", "e1", "e2"]
        assert await writer.write([event_row("e2"), event_row("e3"), event_row("e1", digest=8)]) == [
            "duplicate",
            "accepted",
            "conflict",
        ]
        assert await writer.write([]) == []

    run(database, story)
    assert stored(database) == ["e0", "e1", "e2", "e3"]


def test_requests_that_come_together_are_committed_together_and_each_has_its_own_outcomes(database: Database) -> None:
    async def story(writer: EventWriter) -> None:
        requests = [event_rows(n, prefix=f"r{n}-") for n in range(1, 41)]
        with commits(database) as seen:
            outcomes = await asyncio.gather(*map(writer.write, requests))
        assert outcomes == [["accepted"] * n for n in range(1, 41)]
        # The first request goes at once, alone or with some; the others meet while it is being committed.
        assert len(seen) <= 3
        same = await asyncio.gather(*(writer.write([event_row("same")]) for _ in range(5)))
        assert sorted(same) == [["accepted"], *[["duplicate"]] * 4]

    run(database, story)
    assert len(stored(database)) == sum(range(1, 41)) + 1


def test_a_poisoned_event_sinks_no_other(database: Database) -> None:
    async def story(writer: EventWriter) -> None:
        requests = [event_rows(5, prefix=f"r{n}-") for n in range(8)]
        requests[3][2] = event_row("poison", ts_us=2**70)
        requests[6][0] = event_row("venom", quantity=None)
        outcomes = await asyncio.gather(*map(writer.write, requests))
        assert [at for at, found in enumerate(outcomes) if found != ["accepted"] * 5] == [3, 6]
        assert outcomes[3] == ["accepted", "accepted", "refused", "accepted", "accepted"]
        assert outcomes[6] == ["refused", "accepted", "accepted", "accepted", "accepted"]

    run(database, story)
    assert len(stored(database)) == 38


def test_the_history_in_the_cache_says_what_the_database_would(database: Database) -> None:
    async def story() -> None:
        cache = InProcessCache()
        async with writing(database, cache) as writer:
            await writer.write(event_rows(3, ts_us=60))
            await remember(cache, from_sql(database))
            search = event_row("search", event_type="search", item_id=None, ts_us=170)
            late = event_row("late", ts_us=90, item_id="bread")
            rows = [event_row("a", ts_us=150), late, search, event_row("b", ts_us=150, item_id="tea"), event_row("a")]
            other = event_row("other", user_id="2", item_id="salt", ts_us=400)
            assert await writer.write([*rows, other]) == [*["accepted"] * 4, "duplicate", "accepted"]
            packed = await remembered(cache)
        assert packed is not None
        found = unpack_history(packed, MEMORY)
        assert found.recent.item_ids == ("milk", "bread", "milk", "tea")
        assert found.recent.events.ts_us.tolist() == [60, 90, 150, 150]
        again = from_sql(database)
        assert again.recent.item_ids == found.recent.item_ids
        for column in ("types", "ts_us", "prices", "orders"):
            assert getattr(again.recent.events, column).tolist() == getattr(found.recent.events, column).tolist()

    asyncio.run(story())


@pytest.mark.parametrize("changes", [{"ts_us": 10}, {"event_type": "refund"}])
def test_a_history_that_cannot_be_appended_to_is_read_again(database: Database, changes: dict[str, object]) -> None:
    async def story() -> None:
        cache = InProcessCache()
        async with writing(database, cache) as writer:
            await remember(cache, from_sql(database))
            await writer.write([event_row("e", **changes)])
            assert await remembered(cache) is None

    asyncio.run(story())


def test_a_damaged_history_and_one_of_another_memory_are_read_again(database: Database) -> None:
    async def story(memory: Memory | None, packed: bytes, event_id: str) -> None:
        cache = InProcessCache()
        async with writing(database, cache, memory=memory) as writer:
            token = (await cache.look("u:1", ("answer",), history_field(MEMORY))).token
            assert token is not None
            await cache.keep_history("u:1", token, history_field(MEMORY), packed)
            assert await writer.write([event_row(event_id)]) == ["accepted"]
            assert await remembered(cache) is None

    good = pack_history(History(), MEMORY)
    asyncio.run(story(MEMORY, good[:-1], "a"))
    asyncio.run(story(Memory((1.0,) * 10, 7.0), good, "b"))
    asyncio.run(story(None, good, "c"))


def test_events_that_were_there_already_leave_the_history_as_it_was(database: Database) -> None:
    async def story() -> None:
        cache = InProcessCache()
        async with writing(database, cache) as writer:
            await writer.write(event_rows(2))
            packed = await remember(cache, from_sql(database))
            assert await writer.write([event_row("e0"), event_row("e1", digest=8)]) == ["duplicate", "conflict"]
            assert await remembered(cache) == packed

    asyncio.run(story())


def test_a_database_that_refuses_fails_all_who_wait_and_leaves_their_histories(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.05)
    database, holder = open_database(sqlite_url), open_database(sqlite_url)

    async def story() -> None:
        cache = InProcessCache()
        async with writing(database, cache) as writer:
            packed = await remember(cache, from_sql(database))
            with holder.writing():
                outcomes = await asyncio.gather(
                    *(writer.write(event_rows(1, str(n))) for n in range(5)), return_exceptions=True
                )
            assert [type(outcome) for outcome in outcomes] == [DatabaseError] * 5
            assert "is locked by another process" in str(writer.problem)
            assert await remembered(cache) == packed
            assert await writer.write([event_row("e")]) == ["accepted"]
            assert writer.problem is None
        assert stored(database) == ["e"]

    asyncio.run(story())


def has_problem(writer: EventWriter) -> bool:
    return writer.problem is not None


def test_a_database_that_refused_is_tried_again_although_nobody_sends_events(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(writer_module, "PROBE_SECONDS", 0.01)
    database, holder = open_database(sqlite_url), open_database(sqlite_url)

    async def story() -> None:
        async with writing(database, InProcessCache()) as writer:
            with holder.writing():
                with pytest.raises(DatabaseError):
                    await writer.write(event_rows(1))
                await asyncio.sleep(0.2)
                assert has_problem(writer)
            deadline = monotonic() + 30
            while has_problem(writer):
                assert monotonic() < deadline
                await asyncio.sleep(0.01)

    asyncio.run(story())


def test_when_nobody_knows_whether_a_commit_came_through_the_history_is_read_again(sqlite_url: str) -> None:
    database = open_database(sqlite_url)

    async def story() -> None:
        cache = InProcessCache()
        async with writing(database, cache) as writer:
            await remember(cache, from_sql(database))
            with nothing_can_be_committed(database):
                with pytest.raises(DatabaseError, match="disk I/O error"):
                    await writer.write([event_row("e")])
                assert await remembered(cache) is None
            assert await writer.write([event_row("e")]) == ["accepted"]

    asyncio.run(story())


def test_a_client_who_is_gone_takes_nobody_along(sqlite_url: str) -> None:
    database, holder = open_database(sqlite_url), open_database(sqlite_url)

    async def story() -> None:
        cache = Watched()
        async with writing(database, cache) as writer:
            with holder.writing():
                writes = [asyncio.create_task(writer.write(event_rows(2, str(n)))) for n in range(3)]
                await until(lambda: cache.groups == 1)
                writes += [asyncio.create_task(writer.write(event_rows(2, str(n)))) for n in range(3, 6)]
                await asyncio.sleep(0)
                for gone in (writes[1], writes[4]):
                    gone.cancel()
                await asyncio.wait({writes[1], writes[4]})
            for stays in (0, 2, 3, 5):
                assert await writes[stays] == ["accepted"] * 2
        # What was on its way to the disk is stored all the same; what still waited is not.
        assert stored(database) == ["00", "01", "10", "11", "20", "21", "30", "31", "50", "51"]

    asyncio.run(story())


def test_more_events_than_there_is_room_for_are_refused_at_once(sqlite_url: str) -> None:
    database, holder = open_database(sqlite_url), open_database(sqlite_url)

    async def story() -> None:
        cache = Watched()
        async with writing(database, cache, most_waiting=3) as writer:
            with holder.writing():
                first = asyncio.create_task(writer.write(event_rows(2, "first")))
                await until(lambda: cache.groups == 1)
                second = asyncio.create_task(writer.write(event_rows(3, "second")))
                await asyncio.sleep(0)
                with pytest.raises(QueueFullError, match="3 events are waiting"):
                    await writer.write(event_rows(1))
            assert await first == ["accepted"] * 2
            assert await second == ["accepted"] * 3
            assert await writer.write(event_rows(3)) == ["accepted"] * 3

    asyncio.run(story())


def test_a_database_that_hangs_is_not_waited_for(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(writer_module, "CLOSING_SECONDS", 0.05)
    database, holder = open_database(sqlite_url), open_database(sqlite_url)

    async def story() -> None:
        with ExitStack() as stack:
            async with writing(database) as writer:
                stack.enter_context(holder.writing())
                with pytest.raises(DatabaseError, match="did not store events in"):
                    await writer.write([event_row("e")])
                assert "did not store events in" in str(writer.problem)
            with pytest.raises(DatabaseError, match="the service ended"):
                await writer.write([event_row("f")])

    asyncio.run(story())


def test_closing_stores_what_waits(database: Database) -> None:
    async def story() -> list[list[Outcome]]:
        async with writing(database) as writer:
            tasks = [asyncio.create_task(writer.write(event_rows(300, str(n)))) for n in range(8)]
            await asyncio.sleep(0)
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(story()) == [["accepted"] * 300] * 8
    assert len(stored(database)) == 2_400


def test_a_writer_does_not_start_over_a_database_that_loses_events_in_a_power_cut(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(sqlite_url)
    monkeypatch.setitem(database_module._BEGINNINGS["sqlite"], "write", ("PRAGMA synchronous=NORMAL", "BEGIN"))

    async def story(writer: EventWriter) -> None:
        """Never told."""

    with pytest.raises(DatabaseError, match="would lose events in a power cut"):
        run(database, story)


def test_a_cache_that_breaks_its_promise_costs_one_group_and_not_the_writer(database: Database) -> None:
    class Broken(InProcessCache):
        is_broken = True

        async def begin_change(self, shoppers: Sequence[str]) -> Any:  # noqa: ANN401 - whatever the twin gives
            if self.is_broken:
                raise ZeroDivisionError
            return await super().begin_change(shoppers)

    async def story() -> None:
        cache = Broken()
        async with writing(database, cache) as writer:
            with pytest.raises(DatabaseError, match="the log says why"):
                await writer.write([event_row("e")])
            cache.is_broken = False
            assert await writer.write([event_row("e")]) == ["accepted"]

    asyncio.run(story())
