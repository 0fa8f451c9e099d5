"""The server stopped, restarted with old data, frozen, full, evicting, closed: no stale answer, no slow one, no end."""

import asyncio
import itertools
import random
from contextlib import suppress
from typing import Any

import pytest
from valkey.exceptions import OutOfMemoryError

from store.shopper_cache.base import Change
from store.shopper_cache.on_redis import RedisCache
from tests.store.shopper_cache.subjects import HISTORY, OnRedis, ask, eventually, remember, run
from tests.store.shopper_cache.test_on_redis import KEY, counted
from tests.valkeys import Valkey

QUICK: dict[str, Any] = {"patience_seconds": 0.2, "probe_seconds": 0.1}
"""Long enough for a server that is well on a busy machine, and short enough to wait for a frozen one."""


async def connected(subject: OnRedis) -> None:
    await eventually(lambda: all(cache.state == "connected" for cache in subject.processes))


async def assert_nothing_is_known(subject: OnRedis) -> None:
    for process in range(len(subject.caches)):
        found = await ask(subject, "home", process=process)
        assert (found.answers, found.history) == ((None,), None)


async def change(cache: RedisCache) -> None:
    """Store an event of shopper u:1, whatever becomes of the cache."""
    changes = await cache.begin_change(["u:1"])
    histories = {name: packed + b"+" for name, packed in changes["u:1"].histories.items()}
    await cache.end_change(changes, {"u:1": histories})


def test_a_server_that_is_not_there_is_asked_three_times_and_then_left_alone(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey) as subject:
            await remember(subject, answers={"home": b"a"})
            valkey.stop()
            trips = counted(subject.processes[0], monkeypatch)
            found = [await ask(subject, "home") for _ in range(50)]
            assert {(one.answers, one.token, one.state) for one in found} == {((None,), None, "away")}
            assert len([trip for trip in trips if "HMGET" in trip]) == 3
            assert subject.processes[0].state == "away"
            assert subject.processes[0].why_away

    run(story())


def test_a_service_that_starts_before_its_server_finds_it_when_it_comes(valkey: Valkey) -> None:
    async def story() -> None:
        cache = RedisCache(valkey.url, **QUICK)
        valkey.stop()
        await cache.start()
        assert cache.state == "away"
        valkey.start()
        await eventually(lambda: cache.state == "connected")
        await cache.close()

    run(story())


def test_a_change_while_the_server_is_away_is_not_undone_by_the_old_data_it_comes_back_with(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(2, valkey, probe_seconds=0.1) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            valkey.save()
            valkey.stop()
            await change(subject.processes[0])
            valkey.start()
            assert valkey.run("HGET", KEY, HISTORY) == b"h"
            await assert_nothing_is_known(subject)
            await connected(subject)
            await assert_nothing_is_known(subject)
            await connected(subject)
            await remember(subject, history=b"h+")
            assert (await ask(subject, process=1)).history == b"h+"

    run(story())


def test_old_data_are_not_believed_when_nobody_asked_while_the_server_was_away(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(2, valkey, probe_seconds=0.1) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            valkey.save()
            # Everything went well, and only the server forgot.
            await change(subject.processes[0])
            assert (await ask(subject)).history == b"h+"
            valkey.kill()
            valkey.start()
            assert valkey.run("HGET", KEY, HISTORY) == b"h"
            await assert_nothing_is_known(subject)
            await connected(subject)
            await assert_nothing_is_known(subject)

    run(story())


def test_histories_of_old_data_are_not_put_back_by_the_first_change_after_a_restart(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey, probe_seconds=0.1) as subject:
            await remember(subject, history=b"h")
            valkey.save()
            await change(subject.processes[0])
            valkey.kill()
            valkey.start()
            await change(subject.processes[0])
            await change(subject.processes[0])
            await connected(subject)
            assert (await ask(subject)).history is None

    run(story())


def test_a_frozen_server_holds_up_three_questions_for_their_patience_and_no_more(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey, patience_seconds=0.05) as subject:
            cache = subject.processes[0]
            await remember(subject, answers={"home": b"a"})
            valkey.freeze()
            trips, loop = counted(cache, monkeypatch), asyncio.get_running_loop()
            began = loop.time()
            found = [await ask(subject, "home") for _ in range(1_000)]
            # Three times 0.05 seconds; a client with time-outs of its own would take minutes.
            assert loop.time() - began < 5.0
            assert {one.state for one in found} == {"away"}
            assert len([trip for trip in trips if "HMGET" in trip]) == 3

    run(story())


def test_many_questions_at_once_wait_for_a_frozen_server_together(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey, patience_seconds=0.05) as subject:
            valkey.freeze()
            loop = asyncio.get_running_loop()
            began = loop.time()
            found = await asyncio.gather(*(ask(subject, "home", shopper=f"u:{n}") for n in range(500)))
            assert loop.time() - began < 5.0
            assert {one.state for one in found} == {"away"}

    run(story())


def test_a_change_waits_for_a_frozen_server_once(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey, patience_seconds=0.05, probe_seconds=5.0) as subject:
            cache = subject.processes[0]
            valkey.freeze()
            trips = counted(cache, monkeypatch)
            changes = await cache.begin_change(["u:1"])
            assert changes == {"u:1": Change(None)}
            assert len(trips) == 1
            await cache.end_change(changes, {})
            assert len(trips) == 1
            assert cache.state == "away"

    run(story())


@pytest.mark.parametrize("freeze_before", ["begin", "end"])
def test_a_change_that_a_frozen_server_lost_counts_for_every_process_once_it_is_back(
    valkey: Valkey, freeze_before: str
) -> None:
    async def story() -> None:
        async with OnRedis(2, valkey, **QUICK) as subject:
            cache = subject.processes[0]
            await remember(subject, history=b"h", answers={"home": b"a"})
            if freeze_before == "begin":
                valkey.freeze()
            changes = await cache.begin_change(["u:1"])
            if freeze_before == "end":
                valkey.freeze()
            await cache.end_change(changes, {"u:1": {HISTORY: b"h+"}} if freeze_before == "end" else {})
            assert cache.state == "away"
            valkey.thaw()
            await connected(subject)
            for found in [await ask(subject, "home", process=process) for process in (0, 1)]:
                assert found.answers == (None,)
                assert found.history in {None, b"h+"}

    run(story())


def test_an_end_that_is_cancelled_counts_as_lost(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey, probe_seconds=0.1) as subject:
            cache = subject.processes[0]
            changes = await cache.begin_change(["u:1"])
            valkey.freeze()
            ending = asyncio.create_task(cache.end_change(changes, {}))
            await asyncio.sleep(0)
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
            assert cache.state == "away"
            valkey.thaw()
            await connected(subject)

    run(story())


def fill(server: Valkey) -> None:
    """Leave no room for one more value."""
    used = server.run("INFO", "memory")["used_memory"]
    server.configure(maxmemory_policy="noeviction", maxmemory=str(used + 300_000))
    for size in (50_000, 500, 1):
        with suppress(OutOfMemoryError):
            for number in itertools.count():
                server.run("SET", f"filling:{size}:{number}", "x" * size)


def test_a_full_server_keeps_nothing_new_and_nothing_old(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(2, valkey, probe_seconds=0.1) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            fill(valkey)
            assert (await ask(subject, "home", process=1)).answers == (b"a",)
            for _ in range(10):
                assert (await ask(subject, "home", shopper="u:2")).answers == (None,)
            await change(subject.processes[0])
            for process in (0, 1):
                found = await ask(subject, "home", process=process)
                assert found.answers == (None,)
                assert found.history in {None, b"h+"}
            await subject.caches[0].forget("u:1")
            valkey.configure(maxmemory="0")
            await connected(subject)
            await remember(subject, history=b"new")
            assert (await ask(subject, process=1)).history == b"new"

    run(story())


def test_a_process_that_starts_on_a_full_server_believes_nothing_from_before_it(valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, valkey, probe_seconds=0.1) as subject:
            await remember(subject, answers={"home": b"a"})
            fill(valkey)
            other = RedisCache(valkey.url, **QUICK)
            await other.start()
            for cache in (other, subject.processes[0]):
                assert (await cache.look("u:1", ["home"], HISTORY)).answers == (None,)
            await other.close()

    run(story())


def test_a_server_that_evicts_is_slow_to_remember_but_never_wrong(valkey: Valkey) -> None:
    async def story() -> None:
        used = valkey.run("INFO", "memory")["used_memory"]
        valkey.configure(maxmemory_policy="allkeys-lru", maxmemory=str(used + 500_000))
        newest = dict.fromkeys([f"u:{number}" for number in range(40)], 0)
        chance, n_found = random.Random(7), 0  # noqa: S311 - the same story every time
        async with OnRedis(2, valkey, probe_seconds=0.01) as subject:
            for turn in range(600):
                cache, shopper = subject.processes[turn % 2], chance.choice(list(newest))
                found = await cache.look(shopper, ["home"], HISTORY)
                for value in (*found.answers, found.history):
                    if value is not None:
                        n_found += 1
                        assert value == b"%010000d" % newest[shopper]
                if found.token is not None:
                    known = b"%010000d" % newest[shopper]
                    await cache.keep_history(shopper, found.token, HISTORY, known)
                    await cache.keep_answer(shopper, found.token, "home", known)
                    await subject.settle()
                if turn % 7 == 0:
                    changes = await cache.begin_change([shopper])
                    newest[shopper] += 1
                    appended = dict.fromkeys(changes[shopper].histories, b"%010000d" % newest[shopper])
                    await cache.end_change(changes, {shopper: appended})
                if cache.state == "away":
                    await connected(subject)
            assert valkey.run("INFO", "stats")["evicted_keys"] > 100
            assert n_found > 10

    run(story())


def test_a_wrong_password_is_named_without_being_told_and_a_corrected_one_needs_no_restart(valkey: Valkey) -> None:
    async def story() -> None:
        url = valkey.url.replace("redis://", "redis://:secret@")
        cache = RedisCache(url, **QUICK)
        with valkey.client as administrator:
            administrator.execute_command("CONFIG", "SET", "requirepass", "another")
            await cache.start()
            assert (cache.state, cache.why_away) == ("away", "AuthenticationError")
            assert (await cache.look("u:1", ["home"], HISTORY)).state == "away"
            assert "secret" not in repr(vars(cache)) + repr(vars(cache._server))
            administrator.execute_command("CONFIG", "SET", "requirepass", "secret")
        await eventually(lambda: cache.state == "connected")
        await cache.close()

    run(story())
