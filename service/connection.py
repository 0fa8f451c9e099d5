"""One connection: how long the head of a request may be, and what is told of one that is no HTTP.

All of it comes before the application, and so before its key: whoever reaches the port reaches this.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.observing import new_request_id
from service.problems import Problem, respond

MOST_HEAD_BYTES = 65_536
"""Of the line and the headers of a request, give or take what comes at once. httptools itself has no limit, and holds
twenty bytes for each that was sent."""

_log = structlog.get_logger()

_TOO_LONG = Problem(
    431, "Head too long", f"The path and the headers of a request are at most {MOST_HEAD_BYTES:,} bytes. Shorten them."
)
_NO_HTTP = Problem(400, "No HTTP request", "This is no request of HTTP/1.1 as RFC 9112 says, or its URL is no URL.")


class Connection(HttpToolsProtocol):
    """uvicorn's connection."""

    _is_in_head = True
    _n_bytes = 0
    """What came since the last head or body ended."""

    def data_received(self, data: bytes) -> None:
        """Read, and end the connection when a head does not end."""
        self._n_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._n_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(_TOO_LONG)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Begin to read the head of the next request."""
        self._is_in_head, self._n_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, _msg: str) -> None:
        """Refuse what could not be read."""
        self._refuse(_NO_HTTP)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer who asks for a websocket as if they had not; uvicorn would tell the log what to install."""

    def _refuse(self, problem: Problem) -> None:
        request_id = new_request_id()
        _log.warning("request_not_read", problem=problem.title, request_id=request_id)
        # Into the middle of another answer nothing can be written.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(b"".join(_written(respond(problem, request_id), request_id)))
        self.transport.close()


def _written(reply: Response, request_id: str) -> Iterator[bytes]:
    yield f"HTTP/1.1 {reply.status_code} {HTTPStatus(reply.status_code).phrase}\r\n".encode()
    headers: list[Any] = [*reply.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
    for name, value in headers:
        yield b"%b: %b\r\n" % (name, value)
    yield b"\r\n"
    yield bytes(reply.body)
