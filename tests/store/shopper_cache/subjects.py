"""Both shoppers' caches, each as the processes of one service have it, with what a test does to them from outside."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from store.shopper_cache.base import Remembered, ShopperCache
from store.shopper_cache.in_process import InProcessCache
from store.shopper_cache.on_redis import RedisCache
from tests.valkeys import Valkey

HISTORY = "history/m"
UNHURRIED = 10.0
"""Seconds: a test about what is answered is not about a busy machine."""


class InProcess:
    """The twin: one process."""

    def __init__(self, n_processes: int) -> None:
        self.now = 0.0
        self.caches: Sequence[ShopperCache] = [InProcessCache(clock=lambda: self.now)] * min(n_processes, 1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.caches[0].close()

    async def settle(self) -> None:
        """What was to be kept is kept already."""

    async def let_marks_expire(self) -> None:
        self.now += 11.0

    async def let_all_expire(self) -> None:
        self.now += 3_601.0


class OnRedis:
    """Several processes and a real server, which is emptied."""

    def __init__(self, n_processes: int, server: Valkey, **arguments: float) -> None:
        server.run("FLUSHALL")
        self.server = server
        self.processes = [
            RedisCache(server.url, **{"patience_seconds": UNHURRIED, **arguments})  # type: ignore[arg-type]
            for _ in range(n_processes)
        ]
        self.caches: Sequence[ShopperCache] = self.processes

    async def __aenter__(self) -> Self:
        for cache in self.caches:
            await cache.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for cache in self.caches:
            await cache.close()

    async def settle(self) -> None:
        """Wait until what was to be kept is kept."""
        for cache in self.processes:
            await asyncio.gather(*cache._keeping)

    async def let_marks_expire(self) -> None:
        for key in self.hashes():
            if self.server.run("HEXISTS", key, "d"):
                self.server.run("DEL", key)

    async def let_all_expire(self) -> None:
        for key in self.hashes():
            self.server.run("DEL", key)

    def hashes(self) -> list[bytes]:
        return list(self.server.run("KEYS", "endcap:shopper:*"))


Subject = InProcess | OnRedis
Making = Callable[[int], Subject]


def run(story: Coroutine[Any, Any, None]) -> None:
    """Tell a story to its end."""
    asyncio.run(story)


async def remember(
    subject: Subject, shopper: str = "u:1", *, history: bytes | None = None, answers: dict[str, bytes] | None = None
) -> None:
    """Look, find nothing, and keep what SQL told."""
    cache = subject.caches[0]
    found = await cache.look(shopper, (), HISTORY)
    assert found.token is not None
    if history is not None:
        await cache.keep_history(shopper, found.token, HISTORY, history)
    for name, answer in (answers or {}).items():
        await cache.keep_answer(shopper, found.token, name, answer)
    await subject.settle()


async def eventually(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so; fail if it is not so in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not what():
        assert loop.time() < end, "it did not come"
        await asyncio.sleep(0.01)


async def ask(subject: Subject, *names: str, shopper: str = "u:1", process: int = 0) -> Remembered:
    return await subject.caches[process].look(shopper, names, HISTORY)
