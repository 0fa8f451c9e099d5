"""One task and one thread through which a process writes: events at once and for good, exposures when there is time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import structlog

from models.errors import DatabaseError, RecommenderError
from models.history import Memory
from service.exposing import Exposure, ExposureLog
from service.metrics import Metrics
from service.storing import Stored, shopper_of, store_events
from store.bulk import Row
from store.database import Database
from store.events import Outcome
from store.shopper_cache.base import ShopperCache

_log = structlog.get_logger()

EVENTS_AT_ONCE = 1_000
"""Of one transaction, and one request more: a commit costs the disk the same for one event as for all of them."""
PATIENCE_SECONDS = 8.0
"""How long a request waits for its events to be stored; less than a shopper stays marked as changing."""
PROBE_SECONDS = 1.0
"""How often the database is tried after it refused events, until it takes some."""
CLOSING_SECONDS = 3.0
"""How long the end of the service waits for events, for exposures, and for the thread."""

_ENDED = "the service ended before the database took these events; send them again"


class QueueFullError(RecommenderError):
    """More events are waiting to be stored than there is room for."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    rows: Sequence[Row]
    outcomes: "asyncio.Future[list[Outcome]]"


class EventWriter:
    """Stores events before anybody is told that they are stored, and makes the next answer know of them.

    memory: how the champion's histories are made, None without a champion.
    exposures_keep_days, exposure_sample: see ExposureLog.
    most_waiting: events in memory; further ones are refused.
    """

    def __init__(
        self,
        database: Database,
        cache: ShopperCache,
        *,
        memory: Callable[[], Memory | None],
        metrics: Metrics,
        exposures_keep_days: float = 30,
        exposure_sample: float = 1.0,
        most_waiting: int = 10_000,
    ) -> None:
        self._database = database
        self._cache = cache
        self._memory = memory
        self._most_waiting = most_waiting
        self._thread = ThreadPoolExecutor(1, "writing")
        self._exposures = ExposureLog(
            database, self._thread, metrics, keep_days=exposures_keep_days, sample=exposure_sample
        )
        self._waiting: deque[_Request] = deque()
        self._n_waiting = 0
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self.problem: str | None = None
        """Why the newest events could not be stored; None when they were, or could be by now."""

    async def start(self) -> None:
        """Begin to write. Raises DatabaseError when a commit would not survive a power cut."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.ensure_durable)
        self._task = asyncio.create_task(self._store_always())
        await self._exposures.start()

    async def close(self) -> None:
        """Store what waits, for some seconds at most, and end."""
        self._is_closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSING_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for request in self._waiting:
            _fail(request, DatabaseError(_ENDED))
        await self._exposures.close(CLOSING_SECONDS)
        with suppress(TimeoutError):  # what the thread is at may end, so that it lets go of its connection
            async with asyncio.timeout(CLOSING_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._thread, int)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def expose(self, exposure: Exposure) -> None:
        """Write down soon what was shown, if it can be. Never waits, never raises."""
        self._exposures.put(exposure)

    async def write(self, rows: Sequence[Row]) -> list[Outcome]:
        """Store events, let the shoppers' next answers know of them, and return what became of each.

        rows: values in the order of EVENT_COLUMNS.
        Raises QueueFullError, and DatabaseError when nothing was stored as far as can be known.
        """
        if not rows:
            return []
        if self._is_closing:
            raise DatabaseError(_ENDED)
        if self._n_waiting + len(rows) > self._most_waiting:
            raise QueueFullError(f"{self._n_waiting} events are waiting to be stored; send these again later")
        request = _Request(rows, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._n_waiting += len(rows)
        self._arrived.set()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await request.outcomes
        except TimeoutError as error:
            self.problem = (
                f"the database {self._database.name} did not store events in {PATIENCE_SECONDS:.0f} s; see what it "
                "waits for, and send them again"
            )
            raise DatabaseError(self.problem) from error

    async def _store_always(self) -> None:
        while not self._is_closing or self._waiting:
            try:
                async with asyncio.timeout(None if self.problem is None else PROBE_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                await self._try_again()
                continue
            self._arrived.clear()
            while group := self._next_group():
                await self._store(group)

    async def _try_again(self) -> None:
        """Ask whether events could be stored now: /readyz is not to wait for somebody to send one."""
        with suppress(DatabaseError):
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.ensure_durable)
            self.problem = None

    def _next_group(self) -> list[_Request]:
        """Take what waits, but for requests that nobody waits for any more."""
        group: list[_Request] = []
        n_events = 0
        while self._waiting and n_events < EVENTS_AT_ONCE:
            request = self._waiting.popleft()
            self._n_waiting -= len(request.rows)
            if not request.outcomes.done():
                group.append(request)
                n_events += len(request.rows)
        return group

    async def _store(self, group: Sequence[_Request]) -> None:
        stored = Stored(error=DatabaseError(_ENDED))
        try:
            stored = await self._store_in_order([row for request in group for row in request.rows])
        except Exception:  # noqa: BLE001 - whatever is wrong with one group, the next one has to be stored
            _log.exception("events_not_stored")
            stored = Stored(error=DatabaseError("storing events failed; the log says why"))
        finally:
            self._answer(group, stored)

    def _answer(self, group: Sequence[_Request], stored: Stored) -> None:
        self.problem = None if stored.error is None else str(stored.error)
        if stored.error is not None:
            _log.warning("events_not_stored", error=self.problem)
        at = 0
        for request in group:
            if stored.error is not None:
                _fail(request, stored.error)
            elif not request.outcomes.done():
                request.outcomes.set_result(list(stored.outcomes[at : at + len(request.rows)]))
            at += len(request.rows)

    async def _store_in_order(self, rows: Sequence[Row]) -> Stored:
        """Take the shoppers out of the cache, commit, let them in again: nobody is ever answered from between."""
        changes = await self._cache.begin_change(list({shopper_of(row): None for row in rows}))
        # A task that is cancelled here leaves the shoppers marked as changing: the thread may commit all the same.
        stored = await asyncio.get_running_loop().run_in_executor(
            self._thread, store_events, self._database, rows, changes, self._memory()
        )
        await self._cache.end_change(changes, stored.histories)
        return stored


def _fail(request: _Request, error: DatabaseError) -> None:
    if not request.outcomes.done():
        request.outcomes.set_exception(error)
