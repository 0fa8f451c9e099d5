"""Servers as processes of their own, each on its core: started, looked at from outside, and ended."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, perf_counter, sleep

START_SECONDS = 60
SETTLE_SECONDS = 10
_TICKS_SECOND = os.sysconf("SC_CLK_TCK")

EMPTY_COMMAND = (
    *(sys.executable, "-m", "uvicorn", "bench.empty_route:app", "--loop", "uvloop", "--http", "httptools"),
    *("--ws", "none", "--no-access-log", "--no-server-header", "--log-level", "warning", "--port"),
)
"""The reference, but for its port: uvicorn as cli/serve.py sets it."""


@dataclass(frozen=True)
class Memory:
    """Of one process, in MiB."""

    private: float
    """What ends with the process: no other process maps it. The pages of a mapped bundle are in it while nobody else
    serves the bundle."""
    anonymous: float
    """Without what is mapped from files."""


@dataclass(frozen=True)
class Server:
    """A server that is ready."""

    port: int
    ready_seconds: float
    """From its start until it said that it is ready."""
    pid: int

    def get(self, path: str) -> bytes:
        """Return the body of a good reply. Raises SystemExit for another one."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        if reply.status != 200:  # noqa: PLR2004 - HTTP's
            sys.exit(f"{path} was answered with {reply.status}: {body[:500].decode(errors='replace')}")
        return body

    def workers(self) -> list[int]:
        """Return the ids of the processes that answer: the children, or the process itself."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        workers = [int(child) for child in children if "spawn_main" in _command(int(child))]
        return workers or [self.pid]

    def memory(self) -> Memory:
        """Return the memory of the largest worker."""
        return max((_memory(pid) for pid in self.workers()), key=lambda memory: memory.private)

    def cpu_seconds(self) -> float:
        """Return the time that the workers had a core until now, to a hundredth of a second."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.workers()]
        return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS_SECOND

    def settle(self) -> None:
        """Wait until the server has done what it does behind an answer: write down what it showed, say."""
        deadline = monotonic() + SETTLE_SECONDS
        before = self.cpu_seconds()
        while monotonic() < deadline:
            sleep(0.25)
            now = self.cpu_seconds()
            if now - before <= 1 / _TICKS_SECOND:
                return
            before = now


@contextmanager
def started(
    command: tuple[str, ...], ready_path: str, cores: set[int], environment: Mapping[str, str]
) -> Iterator[Server]:
    """Start a server on some cores, wait until it is ready, and end it.

    command: its last word is to be the port, which is put behind it; the environment gets it as ENDCAP_PORT too.
    """
    port = _free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}
    with tempfile.TemporaryFile() as log:
        began = perf_counter()
        process = subprocess.Popen(
            (*command, str(port)), env=inherited | dict(environment), stdout=log, stderr=subprocess.STDOUT
        )
        try:
            os.sched_setaffinity(process.pid, cores)
            while not _is_ready(port, ready_path):
                if process.poll() is not None or perf_counter() - began > START_SECONDS:
                    log.seek(0)
                    sys.exit(f"{' '.join(command)} does not get ready:\n{log.read()[-3_000:].decode()}")
                sleep(0.005)
            yield Server(port, perf_counter() - began, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(SETTLE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_ALLOWED = sorted(os.sched_getaffinity(0))


def cores() -> tuple[int, int]:
    """Return the core of the servers and the core of what drives them; one and the same where there is one."""
    return _ALLOWED[0], _ALLOWED[-1]


@contextmanager
def on_the_driver_core() -> Iterator[None]:
    """Keep this process, and what it starts for itself (wrk, Valkey, PostgreSQL), off the servers' core."""
    os.sched_setaffinity(0, {cores()[1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, _ALLOWED)


def _is_ready(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")


def _memory(pid: int) -> Memory:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {name: int(number) for name, number in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE)}
    return Memory((kib["Private_Clean"] + kib["Private_Dirty"]) / 1024, kib["Anonymous"] / 1024)
