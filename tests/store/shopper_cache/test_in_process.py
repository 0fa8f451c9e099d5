import asyncio

import pytest

from store.shopper_cache.in_process import InProcessCache
from tests.store.shopper_cache.subjects import HISTORY, run


async def kept(cache: InProcessCache, shopper: str, answer: bytes = b"a", name: str = "home") -> None:
    found = await cache.look(shopper, [name], HISTORY)
    assert found.token is not None
    await cache.keep_answer(shopper, found.token, name, answer)


async def answer_of(cache: InProcessCache, shopper: str, name: str = "home") -> bytes | None:
    return (await cache.look(shopper, [name], HISTORY)).answers[0]


def test_the_shopper_who_was_not_looked_at_for_longest_makes_room() -> None:
    async def story() -> None:
        cache = InProcessCache(most_shoppers=2)
        await kept(cache, "u:1")
        await kept(cache, "u:2")
        assert await answer_of(cache, "u:1") == b"a"
        await kept(cache, "u:3")
        assert await answer_of(cache, "u:1") == b"a"
        assert await answer_of(cache, "u:2") is None

    run(story())


def test_it_holds_no_more_bytes_than_it_may() -> None:
    async def story() -> None:
        cache = InProcessCache(most_bytes=100_000)
        for number in range(100):
            await kept(cache, f"u:{number}", b"x" * 9_000)
            assert cache._n_bytes <= 100_000
        assert await answer_of(cache, "u:99") == b"x" * 9_000
        assert await answer_of(cache, "u:1") is None

    run(story())


def test_what_is_larger_than_all_it_may_hold_is_not_held() -> None:
    async def story() -> None:
        cache = InProcessCache(most_bytes=5_000)
        await kept(cache, "u:1", b"x" * 10_000)
        assert await answer_of(cache, "u:1") is None

    run(story())


def test_the_bytes_it_counts_are_those_of_what_it_holds() -> None:
    async def story() -> None:
        now = 0.0
        cache = InProcessCache(most_shoppers=5, most_answers=3, clock=lambda: now)
        for number in range(300):
            shopper = f"u:{number % 7}"
            found = await cache.look(shopper, (), HISTORY)
            assert found.token is not None
            await cache.keep_history(shopper, found.token, HISTORY, b"h" * (number % 50))
            await cache.keep_answer(shopper, found.token, f"q{number % 11}", b"a" * (number % 31))
            if number % 5 == 0:
                changes = await cache.begin_change([shopper])
                await cache.end_change(changes, {shopper: {HISTORY: b"+" * (number % 90)}})
            if number % 17 == 0:
                await cache.forget(f"u:{number % 3}")
            now += 100.0
            held = [
                1_000 + sum(map(len, [*entry.answers.values(), *entry.histories.values()]))
                for entry in cache._entries.values()
            ]
            assert cache._n_bytes == sum(held)

    run(story())


def test_looking_does_not_make_an_entry_live_longer() -> None:
    async def story() -> None:
        now = 0.0
        cache = InProcessCache(keep_seconds=10.0, clock=lambda: now)
        await kept(cache, "u:1")
        for _ in range(4):
            now += 2.4
            assert await answer_of(cache, "u:1") == b"a"
        now += 0.4
        assert await answer_of(cache, "u:1") is None

    run(story())


@pytest.mark.parametrize("n_shoppers", [1, 3])
def test_nothing_is_waited_for(n_shoppers: int) -> None:
    async def story() -> None:
        cache = InProcessCache()
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "somebody else's turn")
        shoppers = [f"u:{number}" for number in range(n_shoppers)]
        for shopper in shoppers:
            await kept(cache, shopper)
        await cache.end_change(await cache.begin_change(shoppers), {})
        assert (cache.state, cache.why_away, turns) == ("in_process", None, [])

    run(story())
