"""What requests answer from: the champion over the newest catalogue, swapped whole by one assignment."""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import time_ns
from typing import TypeVar

import structlog

from models.errors import BundleError, DatabaseError
from models.placement import Placement
from service.heap import give_back_memory
from service.serving import Serving, open_serving, over_newer_catalogue
from service.watching import Watching
from store.bundles.published import PublishedBundles
from store.database import Database

__all__ = ["Serving", "Snapshots"]

T = TypeVar("T")

WATCH_SECONDS = 1.0
"""How often champion.json is looked at."""
_POINTER = "champion.json"

_log = structlog.get_logger()


def _now_us() -> int:
    return time_ns() // 1_000


class Snapshots:
    """The champion and its catalogue, kept new by two tasks.

    Both assign `champion` from the event loop alone, so a request that read it once has a bundle and the catalogue in
    its rows, and the one before is freed when the last request that read it is answered.
    """

    def __init__(
        self,
        bundles: PublishedBundles,
        database: Database,
        placements: Mapping[str, Placement],
        *,
        verified: Path,
        catalogue_refresh_seconds: float = 10.0,
        watch_seconds: float = WATCH_SECONDS,
        clock: Callable[[], int] = _now_us,
    ) -> None:
        """Take what to watch.

        verified: a folder of this host, for what its processes know of checksums. clock: microseconds since the epoch.
        """
        self.champion: Serving | None = None
        """Read it once a request. None: nothing can be answered yet, and `waiting_for` says why."""
        self.waiting_for: str | None = "the first look at the published bundles"
        """Why there is no champion; None once there is one."""
        self.refused: dict[str, str] = {}
        """Version -> why it does not serve although it is published; one at most."""
        self.catalogue_refresh_seconds = catalogue_refresh_seconds
        self._bundles, self._database, self._placements, self._verified = bundles, database, placements, verified
        self._watch_seconds, self._clock = watch_seconds, clock
        self._handled: tuple[Hashable, ...] | None = None
        self._watching = Watching()
        # One for each task: a database that hangs keeps no bundle from being looked at.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="snapshots")

    async def start(self) -> None:
        """Open the champion if there is one, and go on watching. Raises nothing: a service without a bundle waits."""
        await self._watching.take("watch_bundles", self._watch)
        self._watching.begin("watch_bundles", self._watch_seconds, self._watch)
        self._watching.begin("refresh_catalogue", self.catalogue_refresh_seconds, self._refresh)

    async def close(self) -> None:
        """Stop watching."""
        await self._watching.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def failures(self) -> Counter[str]:
        """Task -> how often it failed and was tried again."""
        return self._watching.failures

    @property
    def catalogue_age_seconds(self) -> float | None:
        """How old stock and prices are; None while nothing serves."""
        return None if self.champion is None else (self._clock() - self.champion.view.as_of_us) / 1e6

    @property
    def model_age_seconds(self) -> float | None:
        """How long ago the champion's training data ends; None while nothing serves."""
        return None if self.champion is None else (self._clock() - self.champion.snapshot.data_until_us) / 1e6

    async def _watch(self) -> None:
        """Look whether somebody published, promoted, rolled back or mended something."""
        if await self._mark(*self.refused) == self._handled:
            return
        version, found = _POINTER, await self._mark(_POINTER)
        try:
            pointer = await self._in_thread(self._bundles.pointer)
            if pointer is None:
                self._go_without(f"a published bundle in {self._bundles.root}: run `endcap train`")
            else:
                version = pointer.champion
                # As it is before it is opened: one that is mended meanwhile is opened again.
                found = found[:1] + (await self._mark(version))[1:]
                await self._swap_to(version)
        except BundleError as error:
            self._refuse(version, str(error))
            self._handled = found
        except DatabaseError as error:
            self._wait(f"the database: {error}")
            raise
        else:
            self.refused = {}
            self._handled = found[:1]

    async def _swap_to(self, version: str) -> None:
        if self.champion is not None and self.champion.snapshot.version == version:
            return
        began_us = self._clock()
        new = await self._in_thread(partial(self._open, version))
        self.champion, self.waiting_for, self.refused = new, None, {}
        await self._in_thread(give_back_memory)
        took_seconds = round((self._clock() - began_us) / 1e6, 3)
        _log.info("bundle_serves", model_version=version, items=len(new.view.catalogue), took_seconds=took_seconds)
        for placement, reason in new.degraded.items():
            _log.warning("placement_degraded", model_version=version, placement=placement, reason=reason)

    def _open(self, version: str) -> Serving:
        folder = self._bundles.folder(version)
        return open_serving(folder, self._verified, self._database, self._placements, now_us=self._clock())

    def _refuse(self, version: str, reason: str) -> None:
        if self.refused.get(version) != reason:
            _log.error("bundle_refused", model_version=version, reason=reason, goes_on=self._serves())
        self.refused = {version: reason}
        self._wait(f"a bundle that opens: {reason}")

    def _go_without(self, needed: str) -> None:
        """Wait for a first bundle. Raises BundleError where one serves: there was one, and is none any more."""
        if self.champion is not None:
            raise BundleError(f"it is gone, and after a restart nothing would answer; there has to be {needed}")
        self._wait(needed)

    def _wait(self, reason: str) -> None:
        if self.champion is None and self.waiting_for != reason:
            self.waiting_for = reason
            _log.warning("waiting_for", reason=reason)

    def _serves(self) -> str | None:
        return self.champion.snapshot.version if self.champion else None

    async def _refresh(self) -> None:
        """Read what changed in the catalogue."""
        before = self.champion
        if before is None:
            return
        newer = await self._in_thread(lambda: over_newer_catalogue(before, self._database, now_us=self._clock()))
        # A bundle that was swapped in meanwhile has read the catalogue itself, in its own rows.
        if self.champion is before:
            self.champion = newer

    async def _mark(self, *versions: str) -> tuple[Hashable, ...]:
        return await self._in_thread(partial(self._bundles.mark, *versions))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
