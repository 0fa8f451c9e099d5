"""What Prometheus reads at /metrics. docs/operations.md says what each metric means and when to worry."""

import asyncio
import contextlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CacheOutcome: TypeAlias = Literal["hit", "miss", "stale", "changing", "away"]
"""Of one answer looked for: it was there; it was not; its items changed since; the shopper's history is changing; the
cache is away."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SHARED_FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
"""Where several workers keep their values, one file each. prometheus_client itself reads this variable when it is
imported, so the process that starts the workers sets it before them, to a new and empty folder."""

REFRESH_SECONDS = 5.0
"""How old what one worker says of another's gauges may be."""

_REQUEST_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_STAGE_BUCKETS = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Readings:
    """What the gauges of one worker say. An age is None when there is nothing that has one."""

    ready: bool
    model_version: str | None
    model_age_seconds: float | None
    catalogue_age_seconds: float | None
    redis_up: bool
    database_up: bool
    bundles_refused: int


_Metric = TypeVar("_Metric", bound=MetricWrapperBase)


class _Children(dict[tuple[str, ...], _Metric]):
    """The labelled children of one metric, looked up once: `labels()` costs ten times an `inc()`."""

    def __init__(self, metric: _Metric) -> None:
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> _Metric:
        child = self[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The metrics of one process, and of all workers together where they share a folder. Safe between threads.

    Cost on one core, one process / shared folder: a counter 0.4 / 0.8 us, a histogram 0.9 / 1.8 us (2026-11).
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._requests = _Children(
            Histogram(
                "endcap_request_seconds",
                "Time from the first byte of the application to the last, by route template, method and status",
                ["route", "method", "status"],
                registry=registry,
                buckets=_REQUEST_BUCKETS,
            )
        )
        self._stages = _Children(
            Histogram(
                "endcap_stage_seconds",
                "Time of one stage of an answer",
                ["stage"],
                registry=registry,
                buckets=_STAGE_BUCKETS,
            )
        )
        self._empty = _Children(self._counter("source_empty", "Times that a source proposed nothing", "source"))
        self._cache = _Children(self._counter("cache_lookups", "Answers looked for in the shoppers' cache", "outcome"))
        self._fallbacks = _Children(self._counter("fallbacks", "Answers that knew nothing of the shopper", "kind"))
        self._events = _Children(self._counter("events", "Events that were posted, by what became of them", "status"))
        self._dropped = self._counter("exposures_dropped", "Exposures that were shown and not written down")
        self._gauges = _Gauges(registry)
        self._read: Callable[[], Readings] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one reply. `route` is the template of the path, never the path."""
        known = method if method in _METHODS else "other"
        self._requests[route, known, str(status)].observe(seconds)

    def stage(self, name: str, seconds: float) -> None:
        self._stages[(name,)].observe(seconds)

    def source_empty(self, name: str) -> None:
        self._empty[(name,)].inc()

    def cache(self, outcome: CacheOutcome) -> None:
        self._cache[(outcome,)].inc()

    def fallback(self, kind: str) -> None:
        self._fallbacks[(kind,)].inc()

    def events(self, status: str, n: int = 1) -> None:
        self._events[(status,)].inc(n)

    def exposures_dropped(self, n: int = 1) -> None:
        self._dropped.inc(n)

    def watch(self, read: Callable[[], Readings]) -> None:
        """Let the gauges say what `read` returns; it is called on the event loop and must not block."""
        self._read = read
        self.refresh()

    def refresh(self) -> None:
        """Read this worker's gauges anew."""
        if self._read is not None:
            self._gauges.say(self._read())

    def render(self) -> bytes:
        """Return Prometheus' text, of all workers together. Reads a few small files when there are several."""
        if SHARED_FOLDER is None:
            return generate_latest(self._registry)
        _drop_the_dead(Path(SHARED_FOLDER))
        together = CollectorRegistry()
        MultiProcessCollector(together, SHARED_FOLDER)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    async def start(self) -> None:
        """Keep this worker's gauges fresh, for the other workers that are asked for them."""
        if SHARED_FOLDER is not None:
            self._refreshing = asyncio.create_task(self._keep_fresh())

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing

    async def _keep_fresh(self) -> None:
        while True:
            self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"endcap_{name}", meaning, labels, registry=self._registry)


class _Gauges:
    """What is so now. Among several workers the worst counts: the oldest model, the one that sees no database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ready = Gauge(
            "endcap_ready", "1 while /readyz answers 200", registry=registry, multiprocess_mode="livemin"
        )
        self._model_age = Gauge(
            "endcap_model_age_seconds",
            "Since the bundle that answers was made; +Inf without one",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._catalogue_age = Gauge(
            "endcap_catalogue_age_seconds",
            "Since stock and prices were read; +Inf before the first time",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._redis = Gauge(
            "endcap_redis_up",
            "0 while the shoppers' cache is away; always 1 when it is in this process",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._database = Gauge(
            "endcap_database_up", "0 while the database is away", registry=registry, multiprocess_mode="livemin"
        )
        self._refused = Gauge(
            "endcap_bundles_refused",
            "Published bundles that were refused; /readyz names them",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._model = Gauge(
            "endcap_model_workers",
            "Workers that answer from this bundle",
            ["model_version"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        build = Gauge("endcap_build_info", "Always 1", ["version"], registry=registry, multiprocess_mode="livemax")
        build.labels(version("endcap")).set(1)
        self._version: str | None = None

    def say(self, readings: Readings) -> None:
        self._ready.set(readings.ready)
        self._model_age.set(_age(readings.model_age_seconds))
        self._catalogue_age.set(_age(readings.catalogue_age_seconds))
        self._redis.set(readings.redis_up)
        self._database.set(readings.database_up)
        self._refused.set(readings.bundles_refused)
        if self._version not in {None, readings.model_version}:
            self._model.labels(self._version).set(0)
        if readings.model_version is not None:
            self._model.labels(readings.model_version).set(1)
        self._version = readings.model_version


def _age(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _drop_the_dead(folder: Path) -> None:
    """Forget the gauges of workers that are gone. What they counted stays counted."""
    for pid in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*_*.db")}:
        if not _alive(int(pid)):
            # Another worker may be asked at the same moment and be the first to drop it.
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
