"""The service is closed by default: it answers this machine, or who has the key."""

import asyncio
import base64
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import ConfigurationError
from service.access import RequireKey, RequireLocalName, is_loopback, refuse_open

KEY = "0123456789abcdef-KEY"


async def inside(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the shop's data"})


async def play(app: ASGIApp, scope: dict[str, Any]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def ask(app: ASGIApp, path: str = "/v1/popular", *headers: tuple[bytes, bytes]) -> list[Message]:
    return asyncio.run(play(app, {"type": "http", "path": path, "headers": list(headers)}))


def status_with_key(*authorizations: bytes, path: str = "/v1/popular") -> int:
    headers = [(b"authorization", value) for value in authorizations]
    return int(ask(RequireKey(inside, key=KEY), path, *headers)[0]["status"])


def status_by_name(*hosts: bytes, path: str = "/v1/popular") -> int:
    return int(ask(RequireLocalName(inside), path, *((b"host", host) for host in hosts))[0]["status"])


def basic(user: bytes, password: bytes = b"") -> bytes:
    return b"Basic " + base64.b64encode(user + b":" + password)


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {KEY}".encode(), f"bearer  {KEY} ".encode(), basic(KEY.encode()), basic(KEY.encode(), b"anything")],
)
def test_the_key_opens(authorization: bytes) -> None:
    assert status_with_key(authorization) == 200


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        f"Bearer {KEY[:-1]}".encode(),
        f"Bearer {KEY}x".encode(),
        f"Bearer {KEY.lower()}".encode(),
        f"Token {KEY}".encode(),
        KEY.encode(),
        basic(b"", KEY.encode()),
        basic(b"admin", KEY.encode()),
        b"Basic !!!",
        b"Basic " + KEY.encode(),
        b"Bearer \xff\x00",
    ],
)
def test_all_else_does_not(authorization: bytes) -> None:
    assert status_with_key(authorization) == 401


def test_no_header_or_two_do_not_open() -> None:
    assert status_with_key() == 401
    assert status_with_key(f"Bearer {KEY}".encode(), f"Bearer {KEY}".encode()) == 401


@given(st.binary())
def test_whatever_is_sent_as_a_key_is_refused_without_failing(value: bytes) -> None:
    assert status_with_key(value) == 401
    assert status_with_key(b"Basic " + value) == 401


@pytest.mark.parametrize(
    "path", ["/readyz", "/metrics", "/docs", "/openapi.json", "/version", "/livez/", "//livez", "/"]
)
def test_everything_but_livez_needs_the_key(path: str) -> None:
    assert status_with_key(path=path) == 401
    assert status_with_key(path="/livez") == 200


def test_the_refusal_is_a_problem_that_asks_for_a_key_and_shows_none() -> None:
    start, body = ask(RequireKey(inside, key=KEY), "/v1/popular", (b"authorization", b"Bearer a-wrong-key-of-mine"))
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"www-authenticate"] == b'Basic realm="endcap", Bearer'
    told = json.loads(body["body"])
    assert (told["status"], told["title"]) == (401, "Key needed")
    assert KEY.encode() not in body["body"]
    assert b"a-wrong-key-of-mine" not in body["body"]


def test_the_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append(expected)
        return given == expected

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert status_with_key(f"Bearer {KEY}".encode()) == 200
    assert status_with_key(b"Bearer wrong") == 401
    assert status_with_key() == 401
    assert compared == [KEY.encode()] * 3


@pytest.mark.parametrize("app", [RequireKey(inside, key=KEY), RequireLocalName(inside)])
def test_a_websocket_is_closed(app: ASGIApp) -> None:
    headers = [(b"authorization", f"Bearer {KEY}".encode()), (b"host", b"localhost")]
    sent = asyncio.run(play(app, {"type": "websocket", "path": "/livez", "headers": headers}))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("app", [RequireKey(inside, key=KEY), RequireLocalName(inside)])
def test_starting_and_stopping_go_through(app: ASGIApp) -> None:
    assert asyncio.run(play(app, {"type": "lifespan"}))[0]["status"] == 200


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:8000",
        b"LOCALHOST:80",
        b"127.0.0.1",
        b"127.0.0.1:8000",
        b"127.8.9.1",
        b"[::1]:8000",
        b"[::1]",
    ],
)
def test_without_a_key_this_machines_names_open(host: bytes) -> None:
    assert status_by_name(host) == 200


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example",
        b"evil.example:8000",
        b"localhost.evil.example",
        b"127.0.0.1.evil.example",
        b"evil.example:8000:127.0.0.1",
        b"localhost@evil.example",
        b"[::1].evil.example",
        b"0.0.0.0:8000",
        b"10.0.0.1",
        b"localhost ",
        b"\xff\xfe",
    ],
)
def test_without_a_key_a_page_that_rebound_its_name_reads_nothing(host: bytes) -> None:
    start, body = ask(RequireLocalName(inside), "/v1/popular", (b"host", host))
    assert start["status"] == 421
    assert "ENDCAP_API_KEY" in json.loads(body["body"])["detail"]


def test_without_a_key_no_host_or_two_read_nothing() -> None:
    assert status_by_name() == 421
    assert status_by_name(b"localhost", b"evil.example") == 421
    assert status_by_name(b"evil.example", path="/livez") == 200


@given(st.binary())
def test_whatever_is_sent_as_host_does_not_fail(host: bytes) -> None:
    assert status_by_name(host) in {200, 421}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost", "Localhost"])
def test_these_are_this_machine(host: str) -> None:
    assert is_loopback(host)
    refuse_open(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "192.168.1.7", "shop.example", "127.0.0.1.example"])  # noqa: S104 - refused
def test_any_other_address_needs_a_key(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigurationError, match="ENDCAP_API_KEY"):
        refuse_open(host, None)
    refuse_open(host, KEY)


@pytest.mark.parametrize(
    "key",
    ["", "short", "x" * 15, "has a space in it, long", "ключ-ключ-ключ-ключ", "a:colon:in:the:key", "k" * 16 + "\n"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - the point
def test_a_weak_key_is_refused_wherever_it_would_guard_and_is_not_shown(host: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match="ENDCAP_API_KEY") as refused:
        refuse_open(host, key)
    assert not key or key not in str(refused.value)
