"""endcap serve: answer over HTTP until told to stop."""

import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from threadpoolctl import threadpool_limits

from cli.settings import Settings, read_settings
from models.errors import ConfigurationError
from service.access import refuse_open
from service.answering import Answering
from service.app import Application, create_app
from service.connection import Connection
from service.heap import share_one_arena
from service.histories import Histories
from service.imported import ImportWatch
from service.logs import LOG_CONFIG, configure_logs
from service.metrics import Metrics
from service.parts import Parts
from service.snapshots import Snapshots
from service.writer import EventWriter
from store.bundles.published import PublishedBundles
from store.circuit import Circuit
from store.opening import open_database
from store.placements import read_placements
from store.serving_lock import answering_from
from store.shopper_cache.base import ShopperCache
from store.shopper_cache.in_process import InProcessCache
from store.shopper_cache.on_redis import RedisCache

app = typer.Typer(add_completion=False)

_GRACE_SECONDS = 10
"""How long requests in flight may take once the service is told to stop."""
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus-client's processes find each other's figures."""


@app.command(name="serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of ENDCAP_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, instead of ENDCAP_PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, instead of ENDCAP_WORKERS.")] = None,
) -> None:
    """Answer over HTTP: recommendations, similar items, events; Ctrl-C ends it."""
    given = {"host": host, "port": port, "workers": workers}
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    refuse_open(settings.host, settings.api_key)
    _refuse_split_memory(settings)
    _refuse_taken_port(settings)
    signal.signal(signal.SIGTERM, _end)
    with ExitStack() as stack:
        stack.enter_context(_answering_from_the_database(settings))
        if settings.workers > 1:
            stack.enter_context(_figures_together())
        uvicorn.run(
            f"{__name__}:application",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            loop="uvloop",
            http=Connection,
            ws="none",
            access_log=False,
            log_config=LOG_CONFIG,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End before there is anything to finish. When all is answered uvicorn raises the signal again, inside its loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        sys.exit(0)


def application() -> Application:
    """Return the application of one process: what each worker calls."""
    # Requests share a core among them: threads of BLAS and OpenMP for one of them only wait for those of another.
    threadpool_limits(1)
    share_one_arena()
    configure_logs()
    served = create_app(put_together(read_settings()))
    # A full garbage collection looks at all that was imported, and stops requests for 50 ms: from now on it does not.
    gc.collect()
    gc.freeze()
    return served


def put_together(settings: Settings) -> Parts:
    """Return the parts of one process. Raises ConfigurationError and DatabaseError."""
    database = open_database(settings.database_url)
    cache: ShopperCache = RedisCache(settings.redis_url) if settings.redis_url else InProcessCache()
    placements = read_placements(settings.placements)
    metrics, circuit = Metrics(), Circuit(monotonic)
    snapshots = Snapshots(
        PublishedBundles(settings.bundles),
        database,
        placements=placements,
        verified=settings.home / "verified",
        catalogue_refresh_seconds=settings.catalogue_refresh_seconds,
    )
    writer = EventWriter(
        database,
        cache,
        memory=lambda: snapshots.champion.snapshot.memory if snapshots.champion else None,
        metrics=metrics,
        exposures_keep_days=settings.exposures_keep_days,
        exposure_sample=settings.exposure_sample,
    )
    answering = Answering(cache, Histories(database, cache, circuit), metrics)
    return Parts(
        database=database,
        circuit=circuit,
        cache=cache,
        snapshots=snapshots,
        placements=placements,
        writer=writer,
        imports=ImportWatch(database, cache, circuit),
        answering=answering,
        metrics=metrics,
        api_key=settings.api_key,
        events_keep_days=settings.events_keep_days,
    )


def _refuse_split_memory(settings: Settings) -> None:
    """Raise ConfigurationError for several workers that would not know what the others were told."""
    if settings.workers == 1:
        return
    missing = []
    if settings.redis_url is None:
        missing.append("ENDCAP_REDIS_URL=redis://...")
    if settings.database_url.startswith("sqlite"):
        missing.append("ENDCAP_DATABASE_URL=postgresql+psycopg://...")
    if missing:
        raise ConfigurationError(
            f"{settings.workers} workers need a memory that they share: set {' and '.join(missing)}, "
            "or ENDCAP_WORKERS=1"
        )


def _refuse_taken_port(settings: Settings) -> None:
    """Raise ConfigurationError when nobody could listen there; the server itself would say so in its log, later."""
    try:
        family, *_, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        socket.create_server(place[:2], family=family).close()
    except OSError as error:
        why = str(error.strerror or error).partition(" (")[0]
        raise ConfigurationError(
            f"port {settings.port} of {settings.host} cannot be listened on: {why}; stop what uses it, or set "
            "ENDCAP_PORT or ENDCAP_HOST"
        ) from error


@contextmanager
def _answering_from_the_database(settings: Settings) -> Iterator[None]:
    """Be the only service over this database, or one of those that share their memory. Raises BusyError."""
    database = open_database(settings.database_url)
    try:
        with answering_from(database, shares_memory=settings.redis_url is not None):
            yield
    finally:
        database.close()


@contextmanager
def _figures_together() -> Iterator[None]:
    """Give the workers a folder in which their metrics add up."""
    folder = Path(tempfile.mkdtemp(prefix="endcap-metrics-"))
    os.environ[_METRICS_FOLDER] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
