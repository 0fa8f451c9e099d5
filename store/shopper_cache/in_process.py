"""The shoppers' cache of a service with one process: a bounded dictionary, nothing to wait for."""

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from store.shopper_cache.base import KEEP_SECONDS, MARK_SECONDS, MOST_ANSWERS, Change, Remembered

_ENTRY_BYTES = 1_000
"""What an empty entry takes, about: a key, an object and two dictionaries."""


@dataclass(slots=True)
class _Entry:
    token: bytes
    is_mark: bool
    """The token is that of a change under way, and the entry holds nothing."""
    expires: float
    answers: dict[str, bytes] = field(default_factory=dict)
    histories: dict[str, bytes] = field(default_factory=dict)
    n_bytes: int = _ENTRY_BYTES


class InProcessCache:
    """The twin of RedisCache: the same promise, kept by plain dictionaries. Not for several processes."""

    def __init__(
        self,
        *,
        most_shoppers: int = 10_000,
        most_bytes: int = 16 * 2**20,
        most_answers: int = MOST_ANSWERS,
        keep_seconds: float = KEEP_SECONDS,
        mark_seconds: float = MARK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_shoppers = most_shoppers
        self._most_bytes = most_bytes
        self._most_answers = most_answers
        self._keep_seconds = keep_seconds
        self._mark_seconds = mark_seconds
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        """The one that was looked at last stands last."""
        self._n_bytes = 0
        self._numbers = itertools.count()

    async def start(self) -> None:
        """There is nothing to get ready."""

    async def close(self) -> None:
        await self.forget_all()

    async def look(self, shopper: str, answers: Sequence[str], history: str) -> Remembered:
        entry = self._entry(shopper)
        if entry is None:
            entry = self._put(shopper, _Entry(self._token(), is_mark=False, expires=self._clock() + self._keep_seconds))
        if entry.is_mark:
            return Remembered.nothing(len(answers), "changing")
        self._entries.move_to_end(shopper)
        found = tuple(map(entry.answers.get, answers))
        needs_history = not found or None in found
        return Remembered(entry.token, found, entry.histories.get(history) if needs_history else None, "fresh")

    async def keep_history(self, shopper: str, token: bytes, history: str, packed: bytes) -> None:
        entry = self._entry(shopper)
        if entry is not None and entry.token == token:
            self._store(shopper, entry, entry.histories, history, packed)

    async def keep_answer(self, shopper: str, token: bytes, answer_field: str, answer: bytes) -> None:
        entry = self._entry(shopper)
        if entry is None or entry.token != token:
            return
        if len(entry.answers) >= self._most_answers and answer_field not in entry.answers:
            n_bytes = sum(map(len, entry.answers.values()))
            entry.answers.clear()
            self._grow(entry, -n_bytes)
        self._store(shopper, entry, entry.answers, answer_field, answer)

    async def begin_change(self, shoppers: Sequence[str]) -> Mapping[str, Change]:
        return {shopper: self._begin(shopper) for shopper in dict.fromkeys(shoppers)}

    def _begin(self, shopper: str) -> Change:
        entry, token = self._entry(shopper), self._token()
        self._put(shopper, _Entry(token, is_mark=True, expires=self._clock() + self._mark_seconds))
        return Change(token, {} if entry is None else entry.histories)

    async def end_change(self, changes: Mapping[str, Change], histories: Mapping[str, Mapping[str, bytes]]) -> None:
        for shopper, change in changes.items():
            entry, appended = self._entry(shopper), histories.get(shopper, {})
            self._drop(shopper)
            # Another change that began or ended meanwhile may know of events that these histories lack: then nothing
            # is put back, and dropping the entry tells the other one likewise.
            if appended and entry is not None and entry.is_mark and entry.token == change.token:
                kept = _Entry(self._token(), is_mark=False, expires=self._clock() + self._keep_seconds)
                self._put(shopper, kept)
                for name, packed in appended.items():
                    self._store(shopper, kept, kept.histories, name, packed)

    async def forget(self, shopper: str) -> None:
        self._drop(shopper)

    async def forget_all(self) -> None:
        self._entries.clear()
        self._n_bytes = 0

    @property
    def state(self) -> Literal["in_process"]:
        return "in_process"

    @property
    def why_away(self) -> None:
        return None

    def _token(self) -> bytes:
        # Never the same twice in this process, and nobody else reads the entries.
        return b"%d" % next(self._numbers)

    def _entry(self, shopper: str) -> _Entry | None:
        entry = self._entries.get(shopper)
        if entry is not None and entry.expires <= self._clock():
            self._drop(shopper)
            return None
        return entry

    def _put(self, shopper: str, entry: _Entry) -> _Entry:
        self._drop(shopper)
        self._entries[shopper] = entry
        self._n_bytes += entry.n_bytes
        self._make_room()
        return entry

    def _store(self, shopper: str, entry: _Entry, values: dict[str, bytes], name: str, value: bytes) -> None:
        self._grow(entry, len(value) - len(values.get(name, b"")))
        values[name] = value
        self._entries.move_to_end(shopper)
        self._make_room()

    def _grow(self, entry: _Entry, n_bytes: int) -> None:
        entry.n_bytes += n_bytes
        self._n_bytes += n_bytes

    def _drop(self, shopper: str) -> None:
        entry = self._entries.pop(shopper, None)
        if entry is not None:
            self._n_bytes -= entry.n_bytes

    def _make_room(self) -> None:
        while len(self._entries) > self._most_shoppers or self._n_bytes > self._most_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._n_bytes -= oldest.n_bytes
