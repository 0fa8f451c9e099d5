"""What a whole answer over HTTP costs, beside an empty FastAPI route: at most, at half of that, and after an event.

    python -m bench.serving [--quick] [--json PATH]

Real servers, each on one core, what drives them on the other: uvicorn with the empty route; the service with its cache
in the process; the service with its cache in Valkey. The shop is made up (25,000 items, 300 past items
and 30 recent events a shopper) and lies in a database and a bundle like any other. Metrics are on, every question has
seven parameters.

- How much: the most that wrk gets with 16 connections, in rounds; a ratio is that to the empty route in the same round.
- How long: at half of that, questions at a constant rate, timed from when each was due, in rounds too.
- How soon: two workers on Valkey and PostgreSQL on both cores; from an event to another answer of both.

`kept`: 200 shoppers (or products) ask one question each again and again. `computed`: nobody asked the question before;
the 200 shoppers asked another one within the minute, as active shoppers did. `history in SQL`: the shopper was not here
before. About eight minutes; needs the extras `train` and `test`, and wrk.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench import stores
from bench.acting import seconds_to_change
from bench.loads import Protocol, find_peaks, find_waits
from bench.questions import EMPTY, IN_PROCESS, ON_REDIS, Questions
from bench.rounds import machine
from bench.served_shop import ServedShop, make_up
from bench.servers import EMPTY_COMMAND, Server, cores, on_the_driver_core, started
from bench.told import tell
from bench.wrk import find_wrk
from store.database import connect_database
from store.migrate import upgrade
from store.opening import open_database

SERVICE_COMMAND = (sys.executable, "-m", "cli", "serve", "--port")
READY = "/readyz"
WORKERS = 2
WHOLE = Protocol(rounds=5, seconds=3)
QUICK = Protocol(rounds=1, seconds=1)
N_STARTS = 3


def measure(shop: ServedShop, home: Path, protocol: Protocol, n_changes: int) -> dict[str, Any]:
    """Measure everything over a shop that lies in `home`."""
    server_core, _ = cores()
    starts = [_start_seconds(home, server_core) for _ in range(N_STARTS)]
    with stores.valkey() as redis_url:
        with _servers(home, redis_url, server_core) as servers:
            cases = Questions(shop).cases(2 * protocol.rounds + 1)
            fresh = servers[IN_PROCESS].memory()
            peaks = find_peaks(cases, servers, protocol)
            waits = find_waits(cases, servers, peaks, protocol)
            memory = {"when ready": asdict(fresh), "after the load": asdict(servers[IN_PROCESS].memory())}
        changes = _changes(shop, home, redis_url, n_changes)
    memory["of one of two workers"] = changes.pop("memory_mib")
    return {
        "start_seconds": {"first": starts[0], "later": float(np.median(starts[1:]))},
        "memory_mib": memory,
        "cases": [asdict(peaks[case.name]) | asdict(waits[case.name]) for case in cases],
        **changes,
    }


def _start_seconds(home: Path, core: int) -> float:
    with _service(home, {core}) as server:
        return server.ready_seconds


@contextmanager
def _servers(home: Path, redis_url: str, core: int) -> Iterator[Mapping[str, Server]]:
    with ExitStack() as stack:
        beside = home.with_name(f"{home.name}-on-redis")
        shutil.copytree(home, beside)
        yield {
            EMPTY: stack.enter_context(started(EMPTY_COMMAND, "/", {core}, {})),
            IN_PROCESS: stack.enter_context(_service(home, {core})),
            ON_REDIS: stack.enter_context(_service(beside, {core}, ENDCAP_REDIS_URL=redis_url)),
        }


@contextmanager
def _service(home: Path, on_cores: set[int], **settings: str) -> Iterator[Server]:
    with started(SERVICE_COMMAND, READY, on_cores, {"ENDCAP_HOME": str(home), **settings}) as server:
        yield server


def _changes(shop: ServedShop, home: Path, redis_url: str, n_changes: int) -> dict[str, Any]:
    """Measure two workers: how soon an event changes the answers of both, and the memory of one."""
    with stores.postgresql() as database_url:
        database = connect_database(database_url)
        upgrade(database)
        replace(shop, n_shoppers=n_changes).store(database)
        database.close()
        settings = {
            "ENDCAP_DATABASE_URL": database_url,
            "ENDCAP_REDIS_URL": redis_url,
            "ENDCAP_WORKERS": str(WORKERS),
        }
        with _service(home, set(cores()), **settings) as server:
            since_accepted, since_sent = seconds_to_change(server, n_changes)
            memory = asdict(server.memory())
    return {
        "change_ms": {"since accepted": _spread(since_accepted * 1e3), "since sent": _spread(since_sent * 1e3)},
        "memory_mib": memory,
    }


def _spread(values: Any) -> dict[str, float]:  # noqa: ANN401 - an array of floats
    return {f"p{percent}": round(float(np.percentile(values, percent)), 2) for percent in (50, 90, 99, 100)}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    options = _options(arguments)
    find_wrk()
    began = perf_counter()
    n_items, n_shoppers = options.items, options.shoppers
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder, on_the_driver_core():
        home = Path(folder) / "home"
        home.mkdir()
        shop = make_up(n_items, n_shoppers)
        shop.publish(home / "bundles")
        database = open_database(f"sqlite:///{home / 'endcap.sqlite3'}")
        shop.store(database)
        database.close()
        found = measure(shop, home, QUICK if options.quick else WHOLE, n_changes=10 if options.quick else 100)
    facts = {
        "question": "what does a whole answer cost, beside an empty route?",
        "items": n_items,
        "shoppers": n_shoppers,
        "seconds": round(perf_counter() - began, 1),
        "machine": machine(),
    }
    print(tell(found))
    if options.json:
        options.json.write_text(json.dumps(facts | found, indent=2) + "\n")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    parser.add_argument("--quick", action="store_true", help="short rounds, and few: figures that say little")
    parser.add_argument("--items", type=int, default=25_000, help="items of the made-up shop")
    parser.add_argument("--shoppers", type=int, default=10_000, help="shoppers in the database")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
