"""What is known of one shopper for one request: from the cache, else from SQL, else nothing, and the reply says so."""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from weakref import ReferenceType, ref

import structlog

from models.context import Interactions, interactions_of
from models.errors import DatabaseError, StoreError
from models.history import History, Memory
from models.packing import pack_history, unpack_history
from models.snapshot import Snapshot
from models.vocabulary import Vocabulary
from store.circuit import Circuit
from store.database import Database
from store.shopper_cache.base import Remembered, ShopperCache
from store.shoppers import history_of

_log = structlog.get_logger()

PATIENCE_SECONDS = 1.0
"""How long a request waits for SQL before it is answered without a history."""

AT_HAND_SECONDS = 60
"""How long what was made of a history is used again: its weights fade by a millionth in that time."""

_READERS = 4
"""Threads that read SQL; more only queue for the interpreter."""
_AT_HAND = 512
"""Shoppers whose interactions stay at hand, about 60 kB each."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a shopper, and whether that is all there is."""

    interactions: Interactions
    unavailable: bool = False
    """True if SQL could not be read: the shopper may have a history all the same."""


@dataclass(frozen=True, slots=True)
class _AtHand:
    """A shopper's interactions, and what they depend on."""

    interactions: Interactions
    token: bytes
    """Of the shopper's entry in the cache, redrawn at each change."""
    vocabulary: ReferenceType[Vocabulary]
    """Whose rows they are in. A weak reference, so that an old bundle is freed."""
    made_us: int

    def holds(self, token: bytes, vocabulary: Vocabulary, now_us: int) -> bool:
        """Say whether a request of this token may use them."""
        is_young = 0 <= now_us - self.made_us < AT_HAND_SECONDS * 1_000_000
        return is_young and self.token == token and self.vocabulary() is vocabulary


@dataclass(frozen=True)
class Histories:
    """Reads histories, keeps in the cache what SQL told, and keeps at hand what was made of the last ones."""

    database: Database
    cache: ShopperCache
    circuit: Circuit
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_READERS, "reading"))
    _at_hand: OrderedDict[str, _AtHand] = field(default_factory=OrderedDict)

    async def of(self, shopper: str, remembered: Remembered, snapshot: Snapshot, now_us: int) -> Known:
        """Return what is known of a shopper. Never raises: without SQL the answer is one for a shopper unknown."""
        token, vocabulary = remembered.token, snapshot.vocabulary
        at_hand = self._at_hand.get(shopper)
        if token is not None and at_hand is not None and at_hand.holds(token, vocabulary, now_us):
            return Known(at_hand.interactions)
        history = self._unpacked(remembered, snapshot) or await self._from_sql(shopper, remembered, snapshot)
        if history is None:
            return Known(Interactions(), unavailable=True)
        interactions = interactions_of(history, vocabulary, snapshot.memory, now_us)
        if token is not None:
            self._at_hand[shopper] = _AtHand(interactions, token, ref(vocabulary), now_us)
            self._at_hand.move_to_end(shopper)
            if len(self._at_hand) > _AT_HAND:
                self._at_hand.popitem(last=False)
        return Known(interactions)

    def close(self) -> None:
        """Let go of the threads; one that hangs in SQL ends with the process."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _unpacked(self, remembered: Remembered, snapshot: Snapshot) -> History | None:
        if remembered.history is None:
            return None
        try:
            return unpack_history(remembered.history, snapshot.memory)
        except StoreError:
            _log.warning("history_damaged")
            return None

    async def _from_sql(self, shopper: str, remembered: Remembered, snapshot: Snapshot) -> History | None:
        """Return the history that SQL tells, and let the cache keep it; None when SQL tells nothing in time."""
        if not self.circuit.allows():
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                history = await asyncio.get_running_loop().run_in_executor(self._readers, self._read, shopper, snapshot)
        except (DatabaseError, TimeoutError) as error:
            self.circuit.failed()
            _log.warning("history_unavailable", error=type(error).__name__)
            return None
        self.circuit.succeeded()
        if remembered.token is not None:
            packed = pack_history(history, snapshot.memory)
            await self.cache.keep_history(shopper, remembered.token, history_field(snapshot.memory), packed)
        return history

    def _read(self, shopper: str, snapshot: Snapshot) -> History:
        with self.database.reading() as connection:
            return history_of(connection, shopper, snapshot.memory, snapshot.data_until_us)


@lru_cache(maxsize=8)
def history_field(memory: Memory) -> str:
    """Name the cache's field of a history: one of another memory is another value."""
    return f"history/{memory.digest()}"
