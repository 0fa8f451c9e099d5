"""`endcap` as a shop runs it: commands and a service in processes of their own, asked over the network."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import httpx
import psutil

ROOT = Path(__file__).parent.parent
KEY = "a-key-for-tests-0123456789"
PATIENCE_SECONDS = 60
"""How long anything may take that is bound to happen, on a machine that is busy with other things."""

_TLS = ssl.create_default_context()
"""Never used here; a client that has to make its own takes 20 ms for it."""

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(found: Callable[[], T | None], what: str) -> T:
    """Ask again and again until there is something; fail when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (value := found()) is None:
        assert time.monotonic() < deadline, f"not after {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.01)
    return value


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process, but for settings of Endcap: those are the ones given."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}, **settings}


def endcap(*words: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, words)],
        cwd=ROOT,
        env=environment({"COLUMNS": "160", **settings}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@dataclass
class Served:
    """One `endcap serve`, which can be started again, and ways to ask it."""

    settings: Mapping[str, str]
    log: Path
    """All that it writes, of all its starts."""
    port: int = field(default_factory=free_port)
    process: psutil.Popen | None = None

    def start(self) -> "Served":
        """Start it, and wait until all its workers are ready."""
        self.start_only()
        self.wait_until("ready")
        return self

    def start_only(self) -> None:
        with self.log.open("a") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "cli", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=environment(self.settings),
                stdout=log,
                stderr=log,
                # A Ctrl-C at the tests is none at the service.
                start_new_session=True,
            )

    def wait_until(self, status: str) -> None:
        """Wait until each worker says so at /readyz."""

        def all_say_so() -> bool | None:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3_000:]
            try:
                told = self.ask_each("/readyz")
            except (httpx.TransportError, psutil.Error):
                return None
            return {reply.json()["status"] for reply in told.values()} == {status} or None

        until(all_say_so, f"{status}; log:\n{self.log.read_text()[-3_000:]}")

    @property
    def n_workers(self) -> int:
        return int(self.settings.get("ENDCAP_WORKERS", "1"))

    def workers(self) -> list[int]:
        """The processes that answer, when all of them are there."""
        assert self.process is not None
        if self.n_workers == 1:
            return [self.process.pid]
        process = self.process

        def found() -> list[int] | None:
            spawned = [each.pid for each in process.children() if _is_worker(each)]
            return spawned if len(spawned) == self.n_workers else None

        return until(found, "all workers")

    def client(self, **headers: str) -> httpx.Client:
        """A client with a connection of its own and the key."""
        key = self.settings.get("ENDCAP_API_KEY")
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={**({"authorization": f"Bearer {key}"} if key else {}), **headers},
            timeout=PATIENCE_SECONDS,
            verify=_TLS,
        )

    def ask(self, path: str) -> httpx.Response:
        with self.client() as client:
            return client.get(path)

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON of a good reply."""
        return _good(self.ask(path), 200)

    def post(self, path: str, body: object, status: int = 202) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON of a reply of this status."""
        with self.client() as client:
            return _good(client.post(path, json=body), status)

    def ask_each(self, path: str) -> dict[int, httpx.Response]:
        """Return the first reply of each worker; every other reply in between is like it."""
        replies: dict[int, httpx.Response] = {}
        workers = set(self.workers())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while set(replies) != workers:
            assert time.monotonic() < deadline, f"only {set(replies)} of {workers} answered"
            with self.client() as client:
                reply = client.get(path)
                worker = self.worker_of(reply)
            if worker is not None:
                replies.setdefault(worker, reply)
        return replies

    def get_each(self, path: str) -> list[Any]:
        """Return the JSON of a good reply of each worker."""
        return [_good(reply, 200) for reply in self.ask_each(path).values()]

    def worker_of(self, reply: httpx.Response) -> int | None:
        """The process that answered, while the connection is open; None if it is gone."""
        port = reply.extensions["network_stream"].get_extra_info("client_addr")[1]
        for pid in self.workers():
            with suppress(psutil.NoSuchProcess):
                there = psutil.Process(pid).net_connections("tcp")
                if any(each.raddr and each.raddr.port == port for each in there):
                    return pid
        return None

    def kill_workers(self) -> None:
        """Kill -9 them; their parent starts others."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return int(self.process.wait(PATIENCE_SECONDS))

    def says(self, event: str, times: int = 1) -> None:
        """Wait until it has logged this so often since its beginning."""
        until(lambda: [line["event"] for line in self.lines()].count(event) >= times or None, f"{event} in the log")

    def close(self) -> None:
        """Leave nothing of it behind."""
        if self.process is None or self.process.poll() is not None:
            return
        children = self.process.children()
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def lines(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def asking(served: Served, *paths: str) -> Iterator[Counter[int]]:
    """Ask all the time, each time over a new connection; gives how often which status came, 0 = no answer at all."""
    statuses: Counter[int] = Counter()
    enough = Event()

    def ask() -> None:
        while not enough.is_set():
            for path in paths:
                try:
                    statuses[served.ask(path).status_code] += 1
                except httpx.TransportError:
                    statuses[0] += 1

    thread = Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        enough.set()
        thread.join()


def _good(reply: httpx.Response, status: int) -> Any:  # noqa: ANN401 - any JSON
    assert reply.status_code == status, f"{reply.status_code} {reply.text}"
    return reply.json()


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "spawn_main" in " ".join(process.cmdline())
    return False
