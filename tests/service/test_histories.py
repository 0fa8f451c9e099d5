"""What a request knows of a shopper: never what was before the shopper's last event, and never an error."""

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from weakref import ref

import pytest
import structlog

from models.errors import DatabaseError
from models.history import History
from models.snapshot import Snapshot
from models.vocabulary import Vocabulary
from service import histories
from service.histories import AT_HAND_SECONDS, Histories, Known, history_field
from store.bundles.published import PublishedBundles
from store.circuit import Circuit
from store.opening import open_database
from store.shopper_cache.base import Remembered
from store.shopper_cache.in_process import InProcessCache

SHOPPER = "u:garden-3"
NOW_US = 2_000_000_000_000_000


class Counted(Histories):
    """Counts how often SQL is read, and does instead what it is told."""

    reads = 0
    instead: Exception | None = None
    hangs: Event | None = None

    def _read(self, shopper: str, snapshot: Snapshot) -> History:
        type(self).reads += 1
        if self.instead is not None:
            raise self.instead
        if self.hangs is not None:
            self.hangs.wait(60)
        return super()._read(shopper, snapshot)


@pytest.fixture
def snapshot(taught_home: Path) -> Snapshot:
    return PublishedBundles(taught_home / "bundles").champion().snapshot


@pytest.fixture
def reading(taught_home: Path) -> Iterator[Counted]:
    database = open_database(f"sqlite:///{taught_home / 'endcap.sqlite3'}")
    Counted.reads, Counted.instead, Counted.hangs = 0, None, None
    found = Counted(database, InProcessCache(), Circuit(lambda: 0.0))
    yield found
    found.close()
    database.close()


async def ask(reading: Histories, snapshot: Snapshot, now_us: int = NOW_US) -> Known:
    remembered = await reading.cache.look(SHOPPER, (), history_field(snapshot.memory))
    return await reading.of(SHOPPER, remembered, snapshot, now_us)


async def act(reading: Histories) -> None:
    """What the writer does around a commit, with nothing to put back."""
    await reading.cache.end_change(await reading.cache.begin_change([SHOPPER]), {})


def test_the_next_question_of_a_shopper_finds_everything_at_hand(reading: Counted, snapshot: Snapshot) -> None:
    async def story() -> None:
        first = await ask(reading, snapshot)
        assert len(first.interactions.rows)
        second = await ask(reading, snapshot, NOW_US + AT_HAND_SECONDS * 1_000_000 - 1)
        assert second.interactions is first.interactions
        assert Counted.reads == 1

    asyncio.run(story())


def test_after_an_event_nothing_that_was_at_hand_is_used(reading: Counted, snapshot: Snapshot) -> None:
    async def story() -> None:
        first = await ask(reading, snapshot)
        await act(reading)
        second = await ask(reading, snapshot)
        assert second.interactions is not first.interactions
        assert Counted.reads == 2

    asyncio.run(story())


def test_while_an_event_is_being_stored_sql_is_read_each_time_and_nothing_is_kept(
    reading: Counted, snapshot: Snapshot
) -> None:
    async def story() -> None:
        first = await ask(reading, snapshot)
        changes = await reading.cache.begin_change([SHOPPER])
        between = [await ask(reading, snapshot) for _ in range(2)]
        await reading.cache.end_change(changes, {})
        after = await ask(reading, snapshot)
        assert Counted.reads == 4
        assert len({id(known.interactions) for known in (first, *between, after)}) == 4

    asyncio.run(story())


@pytest.mark.parametrize("later_us", [AT_HAND_SECONDS * 1_000_000, -1])
def test_what_is_at_hand_grows_old_and_is_not_from_the_future(
    reading: Counted, snapshot: Snapshot, later_us: int
) -> None:
    async def story() -> None:
        first = await ask(reading, snapshot)
        later = await ask(reading, snapshot, NOW_US + later_us)
        assert later.interactions is not first.interactions
        assert Counted.reads == 1, "the cache has the history"

    asyncio.run(story())


def test_rows_of_another_vocabulary_are_worked_out_anew_and_the_old_one_is_freed(
    reading: Counted, snapshot: Snapshot
) -> None:
    async def story() -> None:
        first = await ask(reading, snapshot)
        ids = Vocabulary(tuple(reversed(snapshot.vocabulary.ids)))
        other = replace(snapshot, catalogue=replace(snapshot.catalogue, vocabulary=ids))
        second = await ask(reading, other)
        assert [ids.ids[row] for row in second.interactions.rows.items] == [
            snapshot.vocabulary.ids[row] for row in first.interactions.rows.items
        ]
        gone = ref(ids)
        del other, ids
        gc.collect()
        assert gone() is None

    asyncio.run(story())


def test_only_the_last_shoppers_are_at_hand(
    reading: Counted, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "_AT_HAND", 2)

    async def story() -> None:
        for shopper in ("u:1", "u:2", "u:3"):
            remembered = await reading.cache.look(shopper, (), history_field(snapshot.memory))
            await reading.of(shopper, remembered, snapshot, NOW_US)
        assert list(reading._at_hand) == ["u:2", "u:3"]

    asyncio.run(story())


def test_without_a_database_the_answer_goes_on_and_says_so(reading: Counted, snapshot: Snapshot) -> None:
    Counted.instead = DatabaseError("away")

    async def story() -> None:
        found = [await ask(reading, snapshot) for _ in range(5)]
        assert [(known.unavailable, len(known.interactions.rows)) for known in found] == [(True, 0)] * 5
        assert Counted.reads == 3, "then the circuit is open"

    with structlog.testing.capture_logs() as lines:
        asyncio.run(story())
    assert {line["event"] for line in lines} == {"history_unavailable"}
    assert SHOPPER not in str(lines)


def test_a_database_that_says_nothing_is_not_waited_for(
    reading: Counted, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "PATIENCE_SECONDS", 0.01)
    Counted.hangs = Event()

    async def story() -> None:
        assert (await ask(reading, snapshot)).unavailable
        assert Counted.hangs is not None
        Counted.hangs.set()

    asyncio.run(story())


def test_a_damaged_history_is_read_from_sql_again(reading: Counted, snapshot: Snapshot) -> None:
    async def story() -> None:
        token = (await reading.cache.look(SHOPPER, (), history_field(snapshot.memory))).token
        known = await reading.of(SHOPPER, Remembered(token, (), b"damaged", "fresh"), snapshot, NOW_US)
        assert len(known.interactions.rows)
        assert not known.unavailable
        assert Counted.reads == 1

    asyncio.run(story())
