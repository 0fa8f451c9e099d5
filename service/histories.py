"""One shopper's history for one request: from the cache, else from SQL, else none, and the reply says so."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import structlog

from models.errors import DatabaseError, StoreError
from models.history import History, Memory
from models.packing import pack_history, unpack_history
from models.snapshot import Snapshot
from store.circuit import Circuit
from store.database import Database
from store.shopper_cache.base import Remembered, ShopperCache
from store.shoppers import history_of

_log = structlog.get_logger()

PATIENCE_SECONDS = 1.0
"""How long a request waits for SQL before it is answered without a history."""
_READERS = 4
"""Threads that read SQL; more only queue for the interpreter."""


@dataclass(frozen=True)
class Remembrance:
    """What is known of a shopper, and whether that is all there is."""

    history: History
    unavailable: bool = False
    """True if SQL could not be read: the shopper may have a history all the same."""

    @classmethod
    def lost(cls) -> Self:
        return cls(History(), unavailable=True)


@dataclass(frozen=True)
class Histories:
    """Reads histories, and keeps in the cache what SQL told."""

    database: Database
    cache: ShopperCache
    circuit: Circuit
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_READERS, "reading"))

    async def of(self, shopper: str, remembered: Remembered, snapshot: Snapshot) -> Remembrance:
        """Return a shopper's history. Never raises: without SQL the answer is one for a shopper unknown."""
        if remembered.history is not None:
            try:
                return Remembrance(unpack_history(remembered.history, snapshot.memory))
            except StoreError:
                _log.warning("history_damaged")
        if not self.circuit.allows():
            return Remembrance.lost()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                history = await asyncio.get_running_loop().run_in_executor(self.readers, self._read, shopper, snapshot)
        except (DatabaseError, TimeoutError) as error:
            self.circuit.failed()
            _log.warning("history_unavailable", error=type(error).__name__)
            return Remembrance.lost()
        self.circuit.succeeded()
        if remembered.token is not None:
            packed = pack_history(history, snapshot.memory)
            await self.cache.keep_history(shopper, remembered.token, history_field(snapshot.memory), packed)
        return Remembrance(history)

    def close(self) -> None:
        """Let go of the threads; one that hangs in SQL ends with the process."""
        self.readers.shutdown(wait=False, cancel_futures=True)

    def _read(self, shopper: str, snapshot: Snapshot) -> History:
        with self.database.reading() as connection:
            return history_of(connection, shopper, snapshot.memory, snapshot.data_until_us)


@lru_cache(maxsize=8)
def history_field(memory: Memory) -> str:
    """Name the cache's field of a history: one of another memory is another value."""
    return f"history/{memory.digest()}"
