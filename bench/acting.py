"""How soon an answer is another one after the shopper acted, whichever worker is asked."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from time import perf_counter, sleep
from typing import Any

import numpy as np
import orjson

from bench.served_shop import shopper_id
from bench.servers import Server
from models.arrays import Float64

PATIENCE_SECONDS = 5
_PAUSE_SECONDS = 0.02


def seconds_to_change(server: Server, n_shoppers: int) -> tuple[Float64, Float64]:
    """Let shoppers buy what stands first on their list, one after the other, and ask every worker until it has changed.

    Returns, shape (n_shoppers,), the seconds until the last of the workers gives another list or other scores: since
    the event was accepted, and since it was sent. Raises SystemExit when an answer stays as it was.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_connected_to(server, worker)) for worker in server.workers()]
        found = []
        for number in range(n_shoppers):
            found.append(_act(workers, number))
            sleep(_PAUSE_SECONDS)
        return np.array([one[0] for one in found]), np.array([one[1] for one in found])


def _act(workers: list[HTTPConnection], number: int) -> tuple[float, float]:
    path = f"/v1/users/{shopper_id(number)}/recommendations?placement=home&n=12"
    before = [_items(_ask(worker, "GET", path)) for worker in workers]
    bought = {"event_type": "purchase", "user_id": shopper_id(number), "item_id": before[0][0]["item_id"]}
    sent = perf_counter()
    _ask(workers[number % len(workers)], "POST", "/v1/events", orjson.dumps({"events": [bought]}))
    accepted = perf_counter()
    waiting = dict(enumerate(workers))
    while waiting:
        if perf_counter() - accepted > PATIENCE_SECONDS:
            sys.exit(f"{path} is answered as before {PATIENCE_SECONDS} s after {bought} was accepted")
        for worker in waiting.values():
            worker.request("GET", path)
        # Every answer is read before one is asked again: a connection carries one question at a time.
        answers = {at: _items(_body(worker)) for at, worker in waiting.items()}
        waiting = {at: worker for at, worker in waiting.items() if answers[at] == before[at]}
    changed = perf_counter()
    return changed - accepted, changed - sent


def _ask(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> bytes:
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    return _body(connection)


def _body(connection: HTTPConnection) -> bytes:
    reply = connection.getresponse()
    body = reply.read()
    if reply.status not in {200, 202}:
        sys.exit(f"answered with {reply.status}: {body[:500].decode(errors='replace')}")
    return body


def _items(body: bytes) -> list[dict[str, Any]]:
    """Return the list that is shown, without what is another for every answer."""
    items: list[dict[str, Any]] = orjson.loads(body)["items"]
    return items


@contextmanager
def _connected_to(server: Server, worker: int) -> Iterator[HTTPConnection]:
    """Open a connection to one of several workers: the others are stopped while it is accepted."""
    others = [pid for pid in server.workers() if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        _ask(connection, "GET", "/livez")
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)
    try:
        yield connection
    finally:
        connection.close()
