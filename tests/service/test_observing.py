"""Every request has an id, is timed by its route template, and is answered even when something fails."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from models.errors import UnknownItemError
from service.metrics import Metrics
from service.observing import CLIENT_GONE, UNMATCHED, Observe
from service.problems import install


class Counts(Metrics):
    """The real metrics, which also keep what they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str, int]] = []

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        assert seconds > 0
        super().request(route, method, status, seconds)
        self.told.append((route, method, status))


def shop() -> tuple[FastAPI, Counts]:
    """An application with a path for each of the ways in which a request can end."""
    counts = Counts()
    app = FastAPI()
    install(app)
    app.add_middleware(Observe, metrics=counts)

    @app.get("/v1/users/{user_id}/recommendations")
    async def recommendations(user_id: str) -> Response:
        return JSONResponse({"bound": structlog.contextvars.get_contextvars(), "user": user_id})

    @app.get("/v1/items/{item_id}/similar")
    async def similar(item_id: str) -> Response:
        raise UnknownItemError(item_id, "the catalogue")

    @app.get("/v1/fails/{user_id}")
    async def fails(user_id: str) -> Response:
        raise ValueError(f"nobody foresaw {user_id}")

    @app.post("/v1/events")
    async def events(request: Request) -> Response:
        await request.body()
        raise ClientDisconnect

    part = FastAPI()

    @part.get("/inside/{what}")
    async def inside(what: str) -> Response:
        return JSONResponse(what)

    app.mount("/mounted", part)
    return app, counts


def ask(path: str, method: str = "GET", **headers: str) -> tuple[httpx.Response, list[tuple[str, str, int]]]:
    app, counts = shop()

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(once()), counts.told


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/v1/users/1029/recommendations?n=3", "GET", ("/v1/users/{user_id}/recommendations", "GET", 200)),
        ("/v1/items/i-1/similar", "GET", ("/v1/items/{item_id}/similar", "GET", 404)),
        ("/v1/items/i-1/similar", "DELETE", ("/v1/items/{item_id}/similar", "DELETE", 405)),
        ("/v1/fails/1029", "GET", ("/v1/fails/{user_id}", "GET", 500)),
        ("/v1/users/1029/orders", "GET", (UNMATCHED, "GET", 404)),
        ("/mounted/inside/1029", "GET", ("/inside/{what}", "GET", 200)),
        ("/mounted/1029", "GET", (UNMATCHED, "GET", 404)),
    ],
)
def test_a_request_is_counted_once_under_the_template_of_its_path(
    path: str, method: str, expected: tuple[str, str, int]
) -> None:
    assert ask(path, method)[1] == [expected]


def test_an_id_is_made_told_in_the_reply_and_bound_to_the_log() -> None:
    reply, _ = ask("/v1/users/1029/recommendations")
    request_id = reply.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert reply.json()["bound"] == {"request_id": request_id}
    assert ask("/v1/users/1029/recommendations")[0].headers["x-request-id"] != request_id


def test_a_callers_own_id_is_taken_over() -> None:
    reply, _ = ask("/v1/items/i-1/similar", **{"X-Request-Id": "web-7/42:a"})
    assert reply.headers["x-request-id"] == "web-7/42:a"
    assert reply.json()["request_id"] == "web-7/42:a"


@given(st.binary().filter(lambda value: re.fullmatch(rb"[A-Za-z0-9._~:+/=-]{1,64}", value) is None))
def test_an_id_of_other_characters_or_too_long_is_not_taken_over(value: bytes) -> None:
    sent = asyncio.run(play([(b"x-request-id", value)], answered))
    ((_, request_id),) = sent[0]["headers"]
    assert re.fullmatch(b"[0-9a-f]{32}", request_id)


async def answered(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def play(
    headers: list[tuple[bytes, bytes]], app: Callable[..., Any], metrics: Metrics | None = None
) -> list[Any]:
    """Let the middleware around an ASGI application answer one request; return the messages it sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/secret", "query_string": b"", "headers": headers}
    await Observe(app, metrics=metrics or Metrics())(scope, receive, send)
    return sent


def test_after_a_request_its_id_is_bound_no_more() -> None:
    async def run() -> dict[str, Any]:
        await play([], answered)
        return structlog.contextvars.get_contextvars()

    assert asyncio.run(run()) == {}


def test_what_nobody_foresaw_is_a_problem_with_the_id_that_the_log_has() -> None:
    with capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        reply, _ = ask("/v1/fails/1029")
    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert "1029" not in reply.text
    (line,) = lines
    assert (line["event"], line["route"]) == ("request_failed", "/v1/fails/{user_id}")
    assert line["request_id"] == reply.headers["x-request-id"]


def test_a_client_that_went_away_is_no_error() -> None:
    with capture_logs() as lines:
        app, counts = shop()

        async def gone() -> None:
            async def receive() -> Message:
                return {"type": "http.disconnect"}

            async def send(_message: Message) -> None:
                raise AssertionError("nobody is there")

            scope = {"type": "http", "method": "POST", "path": "/v1/events", "query_string": b"", "headers": []}
            await app(scope, receive, send)

        asyncio.run(gone())
    assert lines == []
    assert counts.told == [("/v1/events", "POST", CLIENT_GONE)]


def test_a_failure_in_the_middle_of_a_reply_is_logged_and_counted_and_sends_no_second_reply() -> None:
    async def halfway(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError("the disk is gone")

    counts = Counts()
    with capture_logs() as lines:
        sent = asyncio.run(play([], halfway, counts))
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [line["event"] for line in lines] == ["request_failed"]
    assert counts.told == [(UNMATCHED, "GET", 500)]


def test_a_cancelled_request_stays_cancelled_and_is_counted() -> None:
    async def cancelled(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise asyncio.CancelledError

    counts = Counts()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(play([], cancelled, counts))
    assert counts.told == [(UNMATCHED, "GET", CLIENT_GONE)]


def test_ids_of_requests_at_the_same_time_do_not_mix() -> None:
    app, _ = shop()

    async def together() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            paths = [f"/v1/users/{number}/recommendations" for number in range(20)]
            return await asyncio.gather(*(client.get(path) for path in paths))

    for reply in asyncio.run(together()):
        assert json.loads(reply.content)["bound"]["request_id"] == reply.headers["x-request-id"]
