"""A task that does one thing again and again, and outlives whatever happens to it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger()


class Watching:
    """Steps that are taken every so many seconds; what one of them raises is logged, counted and forgotten."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        """Name of the step -> how often it failed."""
        self._told: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, name: str, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        """Begin to take a step, for the first time after so many seconds."""
        self._tasks.append(asyncio.create_task(self._repeat(name, seconds, step), name=name))

    async def close(self) -> None:
        """Take no more steps. A thread that works for one is left to its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def take(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step now. Raises nothing but what cancels."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next step may go well
            self.failures[name] += 1
            # The same failure every second is one line, not 86,400 a day.
            if self._told.get(name) != repr(error):
                _log.warning(f"{name}_failed", reason=str(error), kind=type(error).__name__, exc_info=error)
            self._told[name] = repr(error)
        else:
            if self._told.pop(name, None):
                _log.info(f"{name}_works_again")

    async def _repeat(self, name: str, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.take(name, step)
