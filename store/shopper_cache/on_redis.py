"""The shoppers' cache of several processes: one Redis hash a shopper."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from redis.exceptions import InvalidResponse, ResponseError

from store.shopper_cache.base import KEEP_SECONDS, MARK_SECONDS, MOST_ANSWERS, Change, Remembered
from store.shopper_cache.scripts import BEGIN, CLAIM, END, KEEP
from store.shopper_cache.server import EPOCH_BYTES, EPOCH_KEY, AwayError, Command, Server

_CHANCE_BYTES = 16
_VERSION_BYTES = EPOCH_BYTES + _CHANCE_BYTES
_MOST_KEEPING = 256
"""Values on their way to the server; more are not kept."""
_MOST_TAKEN = 64
"""Shoppers of one change whose histories are taken out; those of more are read from SQL next time."""


class RedisCache:
    """One hash a shopper, in a Redis or Valkey server of version 7 or later.

    The version in a hash begins with the epoch (see Server), which each look reads in the same round trip.

    url: redis://, rediss:// or unix://; one database number for one Endcap.
    """

    def __init__(
        self,
        url: str,
        *,
        keep_seconds: float = KEEP_SECONDS,
        mark_seconds: float = MARK_SECONDS,
        most_answers: int = MOST_ANSWERS,
        patience_seconds: float = 0.05,
        probe_seconds: float = 1.0,
    ) -> None:
        self._server = Server(url, patience_seconds=patience_seconds, probe_seconds=probe_seconds)
        self._keep_ms = int(keep_seconds * 1_000)
        self._mark_ms = int(mark_seconds * 1_000)
        self._most_answers = most_answers
        self._keeping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        await asyncio.gather(*self._keeping)
        await self._server.close()

    @property
    def state(self) -> Literal["connected", "away"]:
        return "connected" if self._server.is_ready else "away"

    @property
    def why_away(self) -> str | None:
        return None if self._server.is_ready else self._server.last_failure

    async def look(self, shopper: str, answers: Sequence[str], history: str) -> Remembered:
        losses = self._server.losses
        if self._server.is_ready:
            try:
                found = await self._server.attempt(lambda: self._look(_key(shopper), answers, history), believing=True)
            except AwayError:
                return Remembered.nothing(len(answers), "away")
            # A connection that was made for this look may have met a restarted server, with whatever it has kept.
            if losses == self._server.losses:
                return found
        return Remembered.nothing(len(answers), "away")

    async def _look(self, key: str, answers: Sequence[str], history: str) -> Remembered:
        fields = [f"answer/{name}" for name in answers]
        epoch, found = await self._server.ask(("GET", EPOCH_KEY), ("HMGET", key, "d", "v", *fields))
        mark, version, *values = _values(found, 2 + len(fields))
        if not _is_epoch(epoch):
            # Evicted, or the server's data are gone: what is there now counts no more.
            self._server.lose("the epoch is gone")
            return Remembered.nothing(len(answers), "away")
        if mark is not None:
            return Remembered.nothing(len(answers), "changing")
        kept = _answers(epoch, version, values)
        if kept and None not in kept:
            return Remembered(version, kept, None, "fresh")
        fresh = epoch + os.urandom(_CHANCE_BYTES)
        (claimed,) = await self._server.ask(("EVAL", CLAIM, 1, key, epoch, fresh, self._keep_ms, history))
        if isinstance(claimed, ResponseError):
            # A full server finds no room for a new hash, and the old one has nothing that counts.
            return Remembered.nothing(len(answers), "away")
        token, packed = _values(claimed, 2)
        if token is None:
            return Remembered.nothing(len(answers), "changing")
        return Remembered(token, kept if token == version else (None,) * len(kept), packed, "fresh")

    async def keep_history(self, shopper: str, token: bytes, history: str, packed: bytes) -> None:
        self._keep_later(_key(shopper), token, history, packed)

    async def keep_answer(self, shopper: str, token: bytes, answer_field: str, answer: bytes) -> None:
        self._keep_later(_key(shopper), token, f"answer/{answer_field}", token + answer)

    def _keep_later(self, key: str, token: bytes, name: str, value: bytes) -> None:
        if self._server.is_ready and len(self._keeping) < _MOST_KEEPING:
            task = asyncio.create_task(self._keep(("EVAL", KEEP, 1, key, token, name, value, self._most_answers)))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)

    async def _keep(self, command: Command) -> None:
        try:
            # What is refused, by a full server say, costs time the next time, and nothing else.
            await self._server.attempt(lambda: self._server.ask(command), believing=True)
        except AwayError:
            return

    async def begin_change(self, shoppers: Sequence[str]) -> Mapping[str, Change]:
        marks = {shopper: os.urandom(_CHANCE_BYTES) for shopper in shoppers}
        if not marks:
            return {}
        try:
            return await self._server.attempt(lambda: self._begin(marks), believing=False)
        except AwayError:
            return dict.fromkeys(marks, Change(None))

    async def _begin(self, marks: Mapping[str, bytes]) -> dict[str, Change]:
        take = 1 if len(marks) <= _MOST_TAKEN else 0
        epoch, *taken = await self._server.ask(
            ("GET", EPOCH_KEY),
            *[("EVAL", BEGIN, 1, _key(shopper), mark, self._mark_ms, take) for shopper, mark in marks.items()],
        )
        return {
            shopper: _change(epoch, mark, found) for (shopper, mark), found in zip(marks.items(), taken, strict=True)
        }

    async def end_change(self, changes: Mapping[str, Change], histories: Mapping[str, Mapping[str, bytes]]) -> None:
        begun = {shopper: change.token for shopper, change in changes.items() if change.token is not None}
        if len(begun) < len(changes):
            # These hashes may be as they were before the commit. The request has waited for the server once.
            self._server.lose("a change could not begin")
        if begun:
            await self._write(self._ending(shopper, at, histories.get(shopper, {})) for shopper, at in begun.items())

    def _ending(self, shopper: str, token: bytes, histories: Mapping[str, bytes]) -> Command:
        if not histories:
            return ("DEL", _key(shopper))
        pairs = [part for pair in histories.items() for part in pair]
        return ("EVAL", END, 1, _key(shopper), token[EPOCH_BYTES:], token, self._keep_ms, *pairs)

    async def forget(self, shopper: str) -> None:
        await self._write([("DEL", _key(shopper))])

    async def forget_all(self) -> None:
        self._server.lose("all was to be forgotten")

    async def _write(self, commands: Iterable[Command]) -> None:
        """Replace what must not stay as it is; when it may have stayed, the epoch is raised."""
        done = False
        try:
            replies = await self._server.attempt(lambda: self._server.ask(*commands), believing=False)
            done = all(isinstance(reply, int) for reply in replies)
        except AwayError:
            return
        finally:
            if not done:
                self._server.lose("a write was lost")


def _key(shopper: str) -> str:
    return f"endcap:shopper:{shopper}"


def _is_epoch(reply: object) -> bool:
    return isinstance(reply, bytes) and len(reply) == EPOCH_BYTES


def _counts(version: bytes | None, epoch: bytes) -> bool:
    return version is not None and len(version) == _VERSION_BYTES and version.startswith(epoch)


def _answers(epoch: bytes, version: bytes | None, values: Sequence[bytes | None]) -> tuple[bytes | None, ...]:
    """Return of each answer what stands behind its version; None if that is not the hash's, and of this epoch."""
    if version is None or not _counts(version, epoch):
        return (None,) * len(values)
    return tuple([None if v is None or not v.startswith(version) else v[_VERSION_BYTES:] for v in values])


def _values(reply: object, n: int) -> list[bytes | None]:
    """Return a reply that must be a list of n values; raises when it is not. A key of another type holds nothing."""
    if isinstance(reply, ResponseError):
        if str(reply).startswith("WRONGTYPE"):
            return [None] * n
        raise reply
    if not isinstance(reply, list) or len(reply) != n or not all(v is None or isinstance(v, bytes) for v in reply):
        raise InvalidResponse("another answer than was asked for")
    return reply


def _change(epoch: object, mark: bytes, taken: object) -> Change:
    """Return a change that began: what it took out counts if its version is of this epoch."""
    if isinstance(taken, ResponseError):
        return Change(None)
    if not isinstance(taken, list):
        raise InvalidResponse("another answer than was asked for")
    if not isinstance(epoch, bytes) or len(epoch) != EPOCH_BYTES:
        # Nobody believes a version of no epoch.
        return Change(bytes(EPOCH_BYTES) + mark)
    version, *pairs = _values(taken, len(taken))
    fields = [name.decode(errors="replace") for name in pairs[::2] if name is not None]
    packed = [value for value in pairs[1::2] if value is not None]
    counts = version is not None and len(fields) == len(packed) and _counts(version, epoch)
    return Change(epoch + mark, dict(zip(fields, packed, strict=True)) if counts else {})
