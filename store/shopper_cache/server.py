"""The server that several processes share, and whether what it has kept may be believed."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from redis.exceptions import InvalidResponse

from store.circuit import Circuit
from store.shopper_cache.client import FAILURES, connect
from store.shopper_cache.scripts import RAISE

EPOCH_KEY = "endcap:epoch"
EPOCH_BYTES = 16

_AT_ONCE = 32
"""Questions under way, and so connections; more wait for their turn."""

T = TypeVar("T")
Command: TypeAlias = tuple[str | bytes | int, ...]


class AwayError(Exception):
    """The server is not asked, or did not answer as it should."""


class Server:
    """Asks the server when it may be asked, and raises the epoch when a write was lost.

    The epoch is one key with a random value. What was kept under another one counts no more, for any process. A process
    that lost a write, or cannot know whether one was lost (it starts, or the server was restarted, with whatever old
    data), raises it before it believes the server again.

    patience_seconds: how long a question waits, connecting included.
    probe_seconds: between two attempts to reach a server that is away.
    """

    def __init__(self, url: str, *, patience_seconds: float, probe_seconds: float) -> None:
        self._client = connect(url, self._met, patience_seconds=probe_seconds)
        self._patience_seconds = patience_seconds
        self._probe_seconds = probe_seconds
        self._circuit = Circuit(time.monotonic)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._run_id: bytes | None = None
        self._made_good = 0
        """As many of the losses as the epoch was raised for."""
        self._troubled = asyncio.Event()
        self._troubled.set()
        self._recovering: asyncio.Task[None] | None = None
        self.losses = 1
        """Occasions on which a write was lost or may have been; the first is what the process before this one did."""
        self.last_failure = "not asked yet"

    async def start(self) -> None:
        """Reach it if it is there; go on trying if it is not."""
        await self._probe()
        self._recovering = asyncio.create_task(self._recover())

    async def close(self) -> None:
        """Let go of the connections."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)
        await self._client.aclose()

    @property
    def is_ready(self) -> bool:
        """True while it answers, and what it has kept may be believed."""
        return self._made_good == self.losses and not self._circuit.is_open

    async def attempt(self, work: Callable[[], Awaitable[T]], *, believing: bool) -> T:
        """Return what some questions come to, in the time there is. Raises AwayError.

        believing: ask nothing unless the answer may be believed; without it ask whenever the server may be reached.
        """
        async with self._slots:
            if self._circuit.is_open or (believing and not self.is_ready):
                raise AwayError
            try:
                async with asyncio.timeout(self._patience_seconds):
                    result = await work()
            except FAILURES as error:
                self._fail(error)
                raise AwayError from error
        self._circuit.succeeded()
        return result

    async def ask(self, *commands: Command) -> list[Any]:
        """Return the replies to commands that are sent together; a refusal is a reply. Raises FAILURES."""
        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute(raise_on_error=False)

    def lose(self, why: str) -> None:
        """Take note that a write was lost: nothing is believed until the epoch is another one."""
        self.last_failure = why
        self.losses += 1
        self._troubled.set()

    def _fail(self, error: Exception) -> None:
        # The name alone: what a server says of a command may repeat the password that was in it.
        self.last_failure = type(error).__name__
        self._circuit.failed()
        if self._circuit.is_open:
            self._troubled.set()

    def _met(self, run_id: bytes) -> None:
        if self._run_id is not None and run_id != self._run_id:
            self.lose("the server was restarted")
        self._run_id = run_id

    async def _recover(self) -> None:
        """Make good what was lost as soon as the server can be asked; on nobody's back, and once in a while."""
        while True:
            await self._troubled.wait()
            if self._circuit.is_open:
                await asyncio.sleep(self._probe_seconds)
            await self._probe()
            await asyncio.sleep(self._probe_seconds)

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self._probe_seconds):
                losses = await self._raise_epoch()
        except FAILURES as error:
            self._fail(error)
            return
        self._made_good = losses
        if self._circuit.is_open:
            self._circuit.succeeded()
        if self.is_ready:
            self._troubled.clear()

    async def _raise_epoch(self) -> int:
        """Raise the epoch if anything was lost; return how many losses that makes good."""
        # Before they are counted: a connection that is made now may meet a restarted server, which is one more.
        (alive,) = await self.ask(("PING",))
        losses = self.losses
        if alive is not True:
            raise alive if isinstance(alive, Exception) else InvalidResponse("no PONG")
        if losses != self._made_good:
            (done,) = await self.ask(("EVAL", RAISE, 1, EPOCH_KEY, os.urandom(EPOCH_BYTES)))
            if done != b"OK":
                raise done if isinstance(done, Exception) else InvalidResponse("no OK")
        return losses
