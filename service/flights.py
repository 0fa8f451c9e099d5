"""One piece of work for all who ask for the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Work under way, by key."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work under this key comes to, beginning it if nobody has.

        The work belongs to nobody who waits for it: one who is cancelled takes it away from no other.
        """
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._landing(key, work))
            task.add_done_callback(_heard)
            self._under_way[key] = task
        return await asyncio.shield(task)

    async def _landing(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        finally:
            del self._under_way[key]


def _heard(task: asyncio.Task[T]) -> None:
    """Take note of a failure that nobody is left to hear of, so that asyncio does not report it as forgotten."""
    if not task.cancelled():
        task.exception()
