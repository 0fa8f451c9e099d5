"""Exposures on their way to the database: best effort, at most a second late, and never in the way of an answer."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from hashlib import blake2b
from time import sleep, time_ns

import structlog

from models.errors import DatabaseError
from service.metrics import Metrics
from store.database import Database
from store.exposures import Exposure, prune_exposures, write_exposures

__all__ = ["Exposure", "ExposureLog"]

_log = structlog.get_logger()

DELAY_SECONDS = 0.5
"""How long a line waits for others to be written with it."""
AT_ONCE = 500
"""Lines of one transaction; so many do not wait."""
PAUSE_AFTER, PAUSE_SECONDS = 100, 0.001
"""Lines after which a transaction lets those answers go on that wait for the same core. With 2,400 answers a second on
one core, 17 in 1,000 waited over 1 ms for a transaction without pauses, and 7 do with them (2026-11)."""
PRUNE_SECONDS = 3_600.0
PRUNE_AT_ONCE, PRUNE_PAUSE_SECONDS = 500, 0.1
"""Old lines go in small transactions, so that events need not wait for them."""

_DAY_US = 86_400_000_000


class ExposureLog:
    """Writes down what was shown, in the background, and deletes what is too old.

    thread: the one that writes all that the process writes.
    keep_days: how long a line stays. sample: which part of the answers leaves a line, from 0 to 1.
    most_waiting: lines in memory; further ones are dropped and counted.
    """

    def __init__(
        self,
        database: Database,
        thread: Executor,
        metrics: Metrics,
        *,
        keep_days: float = 30,
        sample: float = 1.0,
        most_waiting: int = 10_000,
        now_us: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        self._database = database
        self._thread = thread
        self._metrics = metrics
        self._keep_us = int(keep_days * _DAY_US)
        self._sample = sample
        self._most_waiting = most_waiting
        self._now_us = now_us
        self._waiting: deque[Exposure] = deque()
        self._some, self._many = asyncio.Event(), asyncio.Event()
        self._is_closing = False
        self._writing: asyncio.Task[None] | None = None
        self._pruning: asyncio.Task[None] | None = None

    def put(self, exposure: Exposure) -> None:
        """Take a line, or drop and count it. Call it on the event loop; it never waits and never raises."""
        if not _is_sampled(exposure.recommendation_id, self._sample):
            return
        if len(self._waiting) >= self._most_waiting:
            self._metrics.exposures_dropped(1)
            return
        self._waiting.append(exposure)
        self._some.set()
        if len(self._waiting) >= AT_ONCE:
            self._many.set()

    async def start(self) -> None:
        self._writing = asyncio.create_task(self._write_always())
        self._pruning = asyncio.create_task(self._prune_hourly())

    async def close(self, at_most_seconds: float) -> None:
        """Write what waits, and drop and count what cannot be written in time."""
        self._is_closing = True
        self._some.set()
        self._many.set()
        tasks = {task for task in (self._writing, self._pruning) if task is not None}
        if self._pruning is not None:
            self._pruning.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=at_most_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._drop(len(self._waiting))
        self._waiting.clear()

    async def _write_always(self) -> None:
        while not self._is_closing or self._waiting:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(DELAY_SECONDS):
                    await self._many.wait()
            self._some.clear()
            self._many.clear()
            await self._write_waiting()

    async def _write_waiting(self) -> None:
        """Write what waits by now. What comes meanwhile waits for more, or every few lines would cost a commit."""
        for n_left in range(len(self._waiting), 0, -AT_ONCE):
            lines = [self._waiting.popleft() for _ in range(min(AT_ONCE, n_left))]
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, lines)

    def _write(self, lines: list[Exposure]) -> None:
        try:
            with self._database.writing() as connection:
                for begin in range(0, len(lines), PAUSE_AFTER):
                    if begin:
                        sleep(PAUSE_SECONDS)
                    write_exposures(connection, lines[begin : begin + PAUSE_AFTER])
        except DatabaseError:
            self._drop(len(lines))

    def _drop(self, n_lines: int) -> None:
        if n_lines:
            self._metrics.exposures_dropped(n_lines)
            _log.warning("exposures_dropped", lines=n_lines)

    async def _prune_hourly(self) -> None:
        while True:
            before_us = self._now_us() - self._keep_us
            is_more = await asyncio.get_running_loop().run_in_executor(self._thread, self._prune, before_us)
            await asyncio.sleep(PRUNE_PAUSE_SECONDS if is_more else PRUNE_SECONDS)

    def _prune(self, before_us: int) -> bool:
        """Delete some old lines; return whether there may be more."""
        try:
            with self._database.writing() as connection:
                return prune_exposures(connection, before_us, PRUNE_AT_ONCE) == PRUNE_AT_ONCE
        except DatabaseError:
            _log.warning("exposures_not_pruned")
            return False


def _is_sampled(recommendation_id: str, sample: float) -> bool:
    """Say whether an answer leaves a line: by its id, so that every process and every retry says the same."""
    if sample >= 1:
        return True
    return int.from_bytes(blake2b(recommendation_id.encode(), digest_size=8).digest(), "big") < sample * 2**64
