"""Events that an import brings in beside the running service: what is remembered of shoppers does not know of them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from models.errors import DatabaseError
from store.circuit import Circuit
from store.database import Database
from store.imports import lines_imported
from store.shopper_cache.base import ShopperCache

WATCH_SECONDS = 5.0
"""How long a history may lack what an import just brought in."""

_log = structlog.get_logger()


class ImportWatch:
    """Forgets what is remembered of all shoppers when an import got on.

    It asks the database although no shopper does, and tells `circuit` so: /readyz knows in the quietest hour whether
    the database is there.
    """

    def __init__(
        self, database: Database, cache: ShopperCache, circuit: Circuit, *, seconds: float = WATCH_SECONDS
    ) -> None:
        self._database, self._cache, self._circuit, self._seconds = database, cache, circuit, seconds
        self._thread = ThreadPoolExecutor(1, "imports")
        self._seen: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except DatabaseError:
                # An import that cannot be seen now is seen when the database is back.
                self._circuit.failed()
            else:
                self._circuit.succeeded()
            await asyncio.sleep(self._seconds)

    async def _look(self) -> None:
        lines = await asyncio.get_running_loop().run_in_executor(self._thread, self._lines)
        if self._seen is not None and lines != self._seen:
            await self._cache.forget_all()
            _log.info("import_seen", lines=lines - self._seen)
        self._seen = lines

    def _lines(self) -> int:
        with self._database.reading() as connection:
            return lines_imported(connection)
