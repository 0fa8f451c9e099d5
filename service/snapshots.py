"""What requests answer from: the champion over the newest catalogue, swapped whole by one assignment."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog

from models.context import build_context
from models.errors import BundleError, ConfigurationError
from models.placement import Placement
from models.recommend import recommend
from models.snapshot import Snapshot
from store.bundles.published import PublishedBundles
from store.catalogue import CatalogueView, read_catalogue_view, refreshed
from store.database import Database

T = TypeVar("T")

WATCH_SECONDS = 1.0
"""How often champion.json is looked at."""

_log = structlog.get_logger()


def _now_us() -> int:
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class Serving:
    """What one request reads, once."""

    snapshot: Snapshot
    """A bundle over `view.catalogue`."""
    view: CatalogueView
    degraded: Mapping[str, str]
    """Placement -> why this bundle cannot rank it."""


class Snapshots:
    """The champion and its catalogue, kept new by two tasks."""

    champion: Serving | None = None
    """Read it once a request. None: nothing can be answered yet, `waiting_for` says why."""
    refused: dict[str, str]
    """Version -> why it does not serve although it is the champion. Emptied by the next good swap."""
    failures: Counter[str]
    """What went wrong and is tried again, by event name of the log."""
    waiting_for: str | None = "the first look at the published bundles"

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
        """Take what to watch. verified: a folder of this host, for what its processes know of checksums."""
        self._bundles, self._database, self._placements, self._verified = bundles, database, placements, verified
        self._refresh_seconds, self._watch_seconds, self._clock = catalogue_refresh_seconds, watch_seconds, clock
        self.refused, self.failures = {}, Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="snapshots")
        self._seen: object = None

    async def start(self) -> None:
        """Open the champion if there is one, and go on watching. Raises nothing: a service without a bundle waits."""
        await self._watch()
        self._tasks = [
            asyncio.create_task(self._every(self._watch_seconds, self._watch)),
            asyncio.create_task(self._every(self._refresh_seconds, self._refresh)),
        ]

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def catalogue_age_seconds(self) -> float | None:
        """How old stock and prices are; None while nothing serves."""
        return None if self.champion is None else (self._clock() - self.champion.view.as_of_us) / 1e6

    @property
    def model_age_seconds(self) -> float | None:
        """How long ago the champion's training data ends; None while nothing serves."""
        return None if self.champion is None else (self._clock() - self.champion.snapshot.data_until_us) / 1e6

    async def _every(self, seconds: float, step: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await step()  # type: ignore[misc]

    async def _watch(self) -> None:
        try:
            pointer = self._bundles.pointer()
            if pointer is None:
                self.waiting_for = f"no bundle is published in {self._bundles.root}; run `endcap train`"
                return
            if pointer != self._seen:
                self._seen = pointer
                self.champion = await asyncio.get_running_loop().run_in_executor(self._threads, self._open)
                self.refused.clear()
                self.waiting_for = None
                _log.info("bundle_serves", version=self.champion.snapshot.version)
        except BundleError as error:
            self.refused["champion"] = str(error)

    async def _refresh(self) -> None:
        before = self.champion
        if before is None:
            return
        view = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: refreshed(self._database, before.view, now_us=self._clock())
        )
        if self.champion is before:
            self.champion = replace(before, snapshot=replace(before.snapshot, catalogue=view.catalogue), view=view)

    def _open(self) -> Serving:
        bundle = self._bundles.champion()
        view = read_catalogue_view(self._database, bundle.snapshot.vocabulary, now_us=self._clock())
        snapshot = bundle.with_catalogue(view.catalogue)
        degraded = {}
        for name, placement in self._placements.items():
            context = build_context(snapshot.vocabulary, snapshot.memory, now_us=view.as_of_us)
            try:
                recommend(context, snapshot, placement)
            except ConfigurationError as error:
                degraded[name] = str(error)
        return Serving(snapshot, view, degraded)
