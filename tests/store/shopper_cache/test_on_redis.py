"""What is particular to the cache on Redis while the server is well: round trips, times to live, strangers' data."""

import pytest

from models.errors import ConfigurationError
from store.shopper_cache.on_redis import RedisCache
from tests.store.shopper_cache.subjects import HISTORY, OnRedis, ask, eventually, remember, run
from tests.valkeys import Valkey

KEY = "endcap:shopper:u:1"


def counted(cache: RedisCache, monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """Return a list that grows by the names of the commands of each round trip."""
    trips: list[list[object]] = []
    through = cache._server.ask

    async def ask_and_count(*commands: tuple[str | bytes | int, ...]) -> list[object]:
        trips.append([command[0] for command in commands])
        return await through(*commands)

    monkeypatch.setattr(cache._server, "ask", ask_and_count)
    return trips


def test_a_hit_is_one_round_trip_and_a_miss_is_two(shared_valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey) as subject:
            await remember(subject, history=b"h", answers={"home": b"a", "cart": b"b"})
            trips = counted(subject.processes[0], monkeypatch)
            await ask(subject, "home", "cart")
            assert trips == [["GET", "HMGET"]]
            await ask(subject, "home", "other")
            assert len(trips) == 3

    run(story())


def test_a_change_between_the_two_round_trips_of_a_look_takes_back_what_the_first_one_found(
    shared_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with OnRedis(2, shared_valkey) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            looking, changing = subject.processes
            through = looking._server.ask

            async def ask_after_a_change(*commands: tuple[str | bytes | int, ...]) -> list[object]:
                if commands[0][0] == "EVAL":
                    changes = await changing.begin_change(["u:1"])
                    await changing.end_change(changes, {"u:1": {HISTORY: b"h+"}})
                return await through(*commands)

            monkeypatch.setattr(looking._server, "ask", ask_after_a_change)
            found = await ask(subject, "home", "cart")
            assert (found.answers, found.history) == ((None, None), b"h+")

    run(story())


def test_a_change_is_one_round_trip_before_the_commit_and_one_after_it(
    shared_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey) as subject:
            cache, shoppers = subject.processes[0], [f"u:{number}" for number in range(20)]
            trips = counted(cache, monkeypatch)
            changes = await cache.begin_change(shoppers)
            await cache.end_change(changes, {shopper: {HISTORY: b"h"} for shopper in shoppers[:10]})
            assert len(trips) == 2

    run(story())


def test_all_of_a_shopper_is_one_key_and_forgetting_deletes_it(shared_valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            assert sorted(shared_valkey.run("KEYS", "*")) == [b"endcap:epoch", KEY.encode()]
            await subject.caches[0].forget("u:1")
            assert shared_valkey.run("KEYS", "*") == [b"endcap:epoch"]

    run(story())


def test_neither_looking_nor_keeping_makes_a_hash_live_longer(shared_valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey, keep_seconds=100.0) as subject:
            await remember(subject, history=b"h")
            assert 0 < shared_valkey.run("PTTL", KEY) <= 100_000
            shared_valkey.run("PEXPIRE", KEY, "50000")
            await remember(subject, answers={"home": b"a"})
            assert (await ask(subject, "home")).answers == (b"a",)
            assert 0 < shared_valkey.run("PTTL", KEY) <= 50_000

    run(story())


def test_a_mark_lives_for_seconds_and_what_is_put_back_for_the_whole_time(shared_valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey, keep_seconds=100.0, mark_seconds=5.0) as subject:
            changes = await subject.caches[0].begin_change(["u:1"])
            assert 0 < shared_valkey.run("PTTL", KEY) <= 5_000
            await subject.caches[0].end_change(changes, {"u:1": {HISTORY: b"h"}})
            assert 5_000 < shared_valkey.run("PTTL", KEY) <= 100_000

    run(story())


def test_a_change_of_very_many_shoppers_drops_their_histories(shared_valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey) as subject:
            await remember(subject, history=b"h")
            changes = await subject.caches[0].begin_change([f"u:{number}" for number in range(1_000)])
            assert not any(change.histories for change in changes.values())
            await subject.caches[0].end_change(changes, {})
            assert subject.hashes() == []

    run(story())


def test_a_process_that_starts_believes_nothing_from_before_it_and_nor_do_the_others(shared_valkey: Valkey) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            other = RedisCache(shared_valkey.url)
            await other.start()
            for cache in (other, subject.processes[0]):
                found = await cache.look("u:1", ["home"], HISTORY)
                assert (found.answers, found.history) == ((None,), None)
            await other.close()

    run(story())


@pytest.mark.parametrize(
    "command",
    [
        ("SET", KEY, "text"),
        ("RPUSH", KEY, "a list"),
        ("HSET", KEY, "v", ""),
        ("HSET", KEY, "v", "short", "answer/home", "shorter"),
        ("HSET", KEY, "v", "x" * 32, "answer/home", "x" * 32 + "a", HISTORY, "h"),
        ("HSET", KEY, "answer/home", "without a version"),
        ("HSET", KEY, "", ""),
    ],
    ids=lambda command: "_".join(command[:1]),
)
def test_strangers_data_under_a_shoppers_key_are_not_believed_and_replaced(
    shared_valkey: Valkey, command: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with OnRedis(1, shared_valkey) as subject:
            cache = subject.caches[0]
            for change_first in (True, False):
                shared_valkey.run("DEL", KEY)
                shared_valkey.run(*command)
                if change_first:
                    changes = await cache.begin_change(["u:1"])
                    assert changes["u:1"].histories == {}
                    await cache.end_change(changes, {"u:1": {HISTORY: b"new"}})
                else:
                    found = await ask(subject, "home")
                    assert (found.answers, found.history, found.state) == ((None,), None, "fresh")
                await remember(subject, answers={"home": b"a"})
                assert (await ask(subject, "home")).answers == (b"a",)

    run(story())


@pytest.mark.parametrize(
    "command",
    [
        ("DEL", "endcap:epoch"),
        ("SET", "endcap:epoch", ""),
        ("SET", "endcap:epoch", "a longer one than epochs are"),
        ("SET", "endcap:epoch", "x" * 16),
    ],
    ids=["none", "empty", "long", "another"],
)
def test_when_the_epoch_is_another_or_none_nothing_from_before_it_is_believed(
    shared_valkey: Valkey, command: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with OnRedis(2, shared_valkey, probe_seconds=0.05) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            shared_valkey.run(*command)
            found = await ask(subject, "home", process=1)
            assert (found.answers, found.history) == ((None,), None)
            await eventually(lambda: all(cache.state == "connected" for cache in subject.processes))
            found = await ask(subject, "home")
            assert (found.answers, found.history) == ((None,), None)
            await eventually(lambda: all(cache.state == "connected" for cache in subject.processes))
            await remember(subject, answers={"home": b"new"})
            assert (await ask(subject, "home", process=1)).answers == (b"new",)

    run(story())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://:secret@localhost:6379",
        "redis://:sec/ret@localhost:6379/0",
        "redis://:secret@localhost:port/0",
        "redis://:secret@localhost:6379/0?nonsense=secret",
        "redis://:secret@localhost:6379/0?socket_timeout=secret",
    ],
)
def test_what_is_no_url_of_a_server_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ENDCAP_REDIS_URL is no URL of a Redis server") as refusal:
        RedisCache(url)
    assert "sec" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_nothing_in_the_url_makes_a_question_wait_or_be_asked_again(shared_valkey: Valkey) -> None:
    async def story() -> None:
        cache = RedisCache(
            f"{shared_valkey.url}?socket_timeout=99&retry_on_timeout=yes&decode_responses=yes&protocol=3"
        )
        await cache.start()
        kwargs = cache._server._client.connection_pool.connection_kwargs
        assert (kwargs["socket_timeout"], kwargs["retry"].get_retries(), kwargs["retry_on_error"]) == (None, 0, [])
        assert (cache.state, cache.why_away) == ("connected", None)
        await cache.close()

    run(story())
