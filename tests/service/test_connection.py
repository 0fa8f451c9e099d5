"""What reaches the port before it is a request: heads end, and what is no HTTP is refused like anything else."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from service.connection import MOST_HEAD_BYTES, Connection

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(echo, http=Connection, ws="none", lifespan="off", access_log=False, log_config=None)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def ask(port: int, *pieces: bytes) -> bytes:
    """Send pieces, and return what comes until the server closes."""
    came = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        for piece in pieces:
            line.sendall(piece)
        while more := line.recv(1 << 16):
            came += more
    return came


def refusal(reply: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = reply.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    told = json.loads(body)
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"x-request-id"].decode() == told["request_id"]
    assert headers[b"connection"] == b"close"
    return int(head.split()[1]), told


@pytest.mark.parametrize("endless", [b"a: b\r\n", b"x"], ids=["headers", "one header"])
def test_a_head_that_does_not_end_is_refused_and_its_connection_closed(port: int, endless: bytes) -> None:
    piece = endless * (16_384 // len(endless))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(HEAD + b"X: ")
        for _ in range(MOST_HEAD_BYTES // len(piece) + 1):
            line.sendall(piece)
        status, told = refusal(line.recv(1 << 16))
        assert (status, told["title"]) == (431, "Head too long")
        assert line.recv(1) == b""


def test_a_head_of_nearly_as_much_is_answered(port: int) -> None:
    long = HEAD + b"X: " + b"x" * (MOST_HEAD_BYTES - 2_000) + b"\r\nConnection: close\r\n\r\n"
    assert ask(port, long[:30_000], long[30_000:]).startswith(b"HTTP/1.1 200")


def test_a_body_is_no_head(port: int) -> None:
    body = b"x" * 8 * MOST_HEAD_BYTES
    head = b"POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert ask(port, head, body).endswith(b"\r\n\r\n%d" % len(body))


def test_heads_of_many_requests_are_not_added_up(port: int) -> None:
    one = HEAD + b"X: " + b"x" * 1_000 + b"\r\n\r\n"
    n = 3 * MOST_HEAD_BYTES // len(one)
    last = HEAD + b"Connection: close\r\n\r\n"
    assert ask(port, one * n, last).count(b"HTTP/1.1 200") == n + 1


@pytest.mark.parametrize("raw", [b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", "GET /ä HTTP/1.1\r\n\r\n".encode()])
def test_what_is_no_http_is_a_problem_with_a_request_id(port: int, raw: bytes) -> None:
    status, told = refusal(ask(port, raw))
    assert (status, told["title"]) == (400, "No HTTP request")


def test_whoever_asks_for_a_websocket_is_answered_as_anybody(port: int) -> None:
    upgrade = HEAD + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    assert ask(port, upgrade).startswith(b"HTTP/1.1 200")
