"""What Prometheus reads at /metrics. docs/operations.md says what each metric means and when to worry."""

import asyncio
import contextlib
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CacheOutcome: TypeAlias = Literal["hit", "miss", "stale", "changing", "away"]
"""Of one answer looked for: it was there; it was not; its items changed since; the shopper's history is changing; the
cache is away."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

EVENT_STATUSES = ("accepted", "duplicate", "conflict", "rejected")

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

    def __init__(self, metric: _Metric, known: Iterable[str] = ()) -> None:
        """Take a metric. known: values of its one label that are 0 from the start, so that their first is a rise."""
        self._metric = metric
        for value in known:
            self[(value,)] = metric.labels(value)

    def __missing__(self, labels: tuple[str, ...]) -> _Metric:
        child = self[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The metrics of one process, and of all workers together where they share a folder. Safe between threads.

    CPU time in one process / with a shared folder: a counter 0.4 / 0.8 us, a histogram 0.8 / 1.6 us (2026-11).
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = self._histogram(
            "request_seconds",
            "From a request's arrival to the end of its reply",
            ["route", "method", "status"],
            _REQUEST_BUCKETS,
        )
        self._stages = self._histogram("stage_seconds", "One stage of an answer", ["stage"], _STAGE_BUCKETS)
        self._empty = self._counters("source_empty", "Times that a source proposed nothing", "source")
        self._cache = self._counters(
            "cache_lookups", "Answers looked for in the shoppers' cache", "outcome", get_args(CacheOutcome)
        )
        self._fallbacks = self._counters("fallbacks", "Answers in which something stood in for the sources", "kind")
        self._events = self._counters(
            "events", "Events that were posted, by what became of them", "status", EVENT_STATUSES
        )
        self._dropped = Counter(
            "endcap_exposures_dropped", "Answers that were shown and not written down", registry=self._registry
        )
        self._gauges = _Gauges(self._registry)
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

    def _histogram(
        self, name: str, meaning: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> _Children[Histogram]:
        return _Children(Histogram(f"endcap_{name}", meaning, labels, registry=self._registry, buckets=buckets))

    def _counters(self, name: str, meaning: str, label: str, known: Iterable[str] = ()) -> _Children[Counter]:
        return _Children(Counter(f"endcap_{name}", meaning, [label], registry=self._registry), known)


class _Gauges:
    """What is so now. Among several workers the worst counts: the oldest model, the one that sees no database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry, namespace="endcap")
        lowest, highest = partial(gauge, multiprocess_mode="livemin"), partial(gauge, multiprocess_mode="livemax")
        self._ready = lowest("ready", "1 while /readyz answers 200")
        self._redis = lowest("redis_up", "0 while Redis is away; 1 also when the cache is in this process")
        self._database = lowest(
            "database_up", "0 while the database does not answer, or did not take the newest events"
        )
        self._model_age = highest("model_age_seconds", "Since the events end that the model learned; +Inf without one")
        self._catalogue_age = highest("catalogue_age_seconds", "Since stock and prices were read; +Inf before that")
        self._refused = highest("bundles_refused", "Published bundles that were refused; /readyz names them")
        self._models = gauge(
            "model_workers", "Workers that answer from a bundle", ["model_version"], multiprocess_mode="livesum"
        )
        highest("build_info", "Always 1", ["version"]).labels(version("endcap")).set(1)
        self._version: str | None = None

    def say(self, readings: Readings) -> None:
        self._ready.set(readings.ready)
        self._model_age.set(_age(readings.model_age_seconds))
        self._catalogue_age.set(_age(readings.catalogue_age_seconds))
        self._redis.set(readings.redis_up)
        self._database.set(readings.database_up)
        self._refused.set(readings.bundles_refused)
        if self._version not in {None, readings.model_version}:
            self._models.labels(self._version).set(0)
        if readings.model_version is not None:
            self._models.labels(readings.model_version).set(1)
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
    except PermissionError:  # somebody else's
        return True
    return True
