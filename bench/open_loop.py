"""How long answers take when questions come at a constant rate, whether the answers before them came or not.

A client that waits for an answer before it asks again asks less when the server is slow, and so does not see how slow
it is. This one times every answer from the moment at which its question was due. It turns without a pause on a core of
its own, and says how late it was itself, so that nobody blames the server for it.
"""

import gc
import os
import select
import socket
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from models.arrays import Float64

N_CONNECTIONS = 64
PATIENCE_NS = 10_000_000_000
"""How long the last answers may take."""


@dataclass(frozen=True)
class Waits:
    """Of each question, in microseconds."""

    latency_us: Float64
    """From when it was due until its answer was there, shape (n,)."""
    lateness_us: Float64
    """How long after it was due, and a connection was free, the client sent it; part of the latency."""


class _Line:
    """One connection, and the question that waits on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_NS / 1e9)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0
        self.free_ns = 0
        self._got = b""

    def ask(self, request: bytes, number: int) -> None:
        self.number, self._got = number, b""
        self.socket.sendall(request)

    def has_answer(self) -> bool:
        """Read what came; say whether it is all of the answer. Raises SystemExit for what is no 200."""
        came = self.socket.recv(1 << 16)
        self._got += came
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not came or not self._got.startswith(b"HTTP/1.1 200"[: len(self._got)]):
            sys.exit(f"no answer but {self._got[:200]!r}")
        return bool(found) and len(body) >= int(head.lower().partition(b"content-length:")[2].split(None, 1)[0])


def ask_steadily(port: int, paths: Sequence[str], per_second: float, seconds: float) -> Waits:
    """Ask for the paths in turn at a constant rate. Raises SystemExit when an answer is none or does not come."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode() for path in paths]
    lines = [_Line(port) for _ in range(N_CONNECTIONS)]
    gc.collect()
    gc.disable()
    try:
        return _drive(lines, requests, max(round(per_second * seconds), 1), 1e9 / per_second)
    finally:
        gc.enable()
        for line in lines:
            line.socket.close()


def _drive(lines: Sequence[_Line], requests: Sequence[bytes], n: int, every_ns: float) -> Waits:
    latency_ns, lateness_ns = np.zeros(n), np.zeros(n)
    poll, by_number, free = select.epoll(), {line.socket.fileno(): line for line in lines}, deque(lines)
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    began = perf_counter_ns()
    due_ns = (began + np.arange(n) * every_ns).astype(np.int64).tolist()
    n_asked = n_answered = 0
    with poll:
        while n_answered < n:
            now = perf_counter_ns()
            if n_asked < n and due_ns[n_asked] <= now and free:
                line = free.popleft()
                lateness_ns[n_asked] = now - max(due_ns[n_asked], line.free_ns)
                line.ask(requests[n_asked % len(requests)], n_asked)
                n_asked += 1
            for number, _ in poll.poll(0):
                line = by_number[number]
                if line.has_answer():
                    line.free_ns = perf_counter_ns()
                    latency_ns[line.number] = line.free_ns - due_ns[line.number]
                    free.append(line)
                    n_answered += 1
            if now > due_ns[-1] + PATIENCE_NS:
                # The machine or the server stood still: as late as anybody waits, and the measurement goes on.
                latency_ns[latency_ns == 0] = PATIENCE_NS
                break
            # Whoever else has work on this core, a Valkey server say, goes first.
            os.sched_yield()
    return Waits(latency_ns / 1_000, lateness_ns / 1_000)
