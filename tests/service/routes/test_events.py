"""POST /v1/events: each way of sending nonsense has its answer, and changes nothing."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import time_ns
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import DatabaseError
from service import problems
from service.metrics import Metrics
from service.routes import events
from service.writer import EventWriter, QueueFullError
from store.database import Database
from store.events import data_window
from store.opening import open_database
from store.shopper_cache.in_process import InProcessCache

PATH = "/v1/events"
VIEW = {"event_id": "e1", "event_type": "view", "user_id": "7", "item_id": "milk"}

Story = Callable[[httpx.AsyncClient, SimpleNamespace], Awaitable[None]]


def tell(database: Database, story: Story) -> None:
    async def run() -> None:
        async with serving(database) as (client, parts):
            await story(client, parts)

    asyncio.run(run())


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[tuple[httpx.AsyncClient, SimpleNamespace]]:
    metrics = Metrics()
    writer = EventWriter(database, InProcessCache(), memory=lambda: None, metrics=metrics)
    app = FastAPI()
    app.state.parts = SimpleNamespace(writer=writer, metrics=metrics, events_keep_days=90)
    app.include_router(events.router)
    problems.install(app)
    await writer.start()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client, app.state.parts
    await writer.close()


def count(database: Database) -> int:
    with database.reading() as connection:
        return data_window(connection).n_events


def test_events_are_stored_and_told_of_one_by_one(database: Database) -> None:
    async def story(client: httpx.AsyncClient, parts: SimpleNamespace) -> None:
        reply = await client.post(
            PATH, json={"events": [VIEW, VIEW, VIEW | {"item_id": "tea"}, {"event_type": "view"}]}
        )
        assert reply.status_code == 202
        told = reply.json()
        assert (told["accepted"], told["duplicates"], told["rejected"]) == (1, 1, 2)
        assert [each["status"] for each in told["results"]] == ["accepted", "duplicate", "conflict", "rejected"]
        again = await client.post(PATH, json={"events": [VIEW]})
        assert (again.status_code, again.json()["duplicates"]) == (202, 1)
        counted = parts.metrics.render().decode()
        for status, n in (("accepted", 1), ("duplicate", 2), ("conflict", 1), ("rejected", 1)):
            assert f'endcap_events_total{{status="{status}"}} {n}.0' in counted

    tell(database, story)
    assert count(database) == 1


def in_a_year() -> str:
    return f"{1_971 + time_ns() // 31_556_952_000_000_000}-01-01T00:00:00Z"


REFUSED = {
    "from 1970": orjson.dumps({"events": [VIEW | {"ts": "1970-01-01T00:00:00Z"}]}),
    "from next year": orjson.dumps({"events": [VIEW | {"ts": in_a_year()}]}),
    "NaN": b'{"events": [{"event_id": "e1", "event_type": "view", "user_id": "7", "item_id": "milk", "price": NaN}]}',
    "Infinity": b'{"events": [{"event_type": "view", "user_id": "7", "item_id": "milk", "value": 1e999}]}',
    "a null byte": orjson.dumps({"events": [VIEW | {"item_id": "milk\0"}]}),
    "a raw null byte": b'{"events": [{"event_type": "view", "user_id": "7", "item_id": "milk\0"}]}',
    "a lone surrogate": b'{"events": [{"event_type": "view", "user_id": "\\ud800", "item_id": "milk"}]}',
    "no UTF-8": b'{"events": [{"event_type": "view", "user_id": "\xff", "item_id": "milk"}]}',
    "an id of 10,000 characters": orjson.dumps({"events": [VIEW | {"event_id": "a" * 10_000}]}),
    "an empty body": b"",
    "an empty list": b'{"events": []}',
    "no list": b"{}",
    "no object": b"[1]",
    "a torn object": b'{"events": [',
    "a deep object": b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep properties": b'{"events": [{"event_type": "view", "user_id": "7", "item_id": "milk", "properties": {"a": '
    + b"[" * 1_015
    + b"]" * 1_015
    + b"}}]}",
}


def test_what_cannot_be_is_refused_as_a_problem_and_changes_nothing(database: Database) -> None:
    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        for name, body in REFUSED.items():
            reply = await client.post(PATH, content=body, headers={"content-type": "application/json"})
            assert reply.status_code == 422, name
            assert reply.headers["content-type"] == "application/problem+json", name
            told = reply.json()
            assert (told["status"], len(reply.content) < 2_000) == (422, True), name
            assert told["title"] in {"No event was taken", "No events", "Not JSON"}, name

    tell(database, story)
    assert count(database) == 0


@pytest.mark.parametrize("n_bytes", [1_000_001, 2_000_000])
@pytest.mark.parametrize("is_in_pieces", [False, True])
def test_a_body_of_two_megabytes_is_refused_before_it_is_read_whole(
    database: Database, n_bytes: int, *, is_in_pieces: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(0, n_bytes, 1_000):
            yield b" " * 1_000
        yield b" " * 1_000

    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        content: Any = pieces() if is_in_pieces else b" " * n_bytes
        reply = await client.post(PATH, content=content, headers={"content-type": "application/json"})
        assert reply.status_code == 413

    tell(database, story)


def test_a_thousand_events_are_taken_and_one_more_is_not(database: Database) -> None:
    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        many = [VIEW | {"event_id": f"e{i}"} for i in range(1_001)]
        assert (await client.post(PATH, json={"events": many})).status_code == 413
        reply = await client.post(PATH, json={"events": many[:1_000]})
        assert (reply.status_code, reply.json()["accepted"]) == (202, 1_000)

    tell(database, story)
    assert count(database) == 1_000


def test_a_packed_body_is_refused_by_name(database: Database) -> None:
    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        packed = {"content-type": "application/json", "content-encoding": "gzip"}
        reply = await client.post(PATH, content=gzip.compress(orjson.dumps({"events": [VIEW]})), headers=packed)
        assert (reply.status_code, reply.json()["title"]) == (415, "Encoded body")

    tell(database, story)
    assert count(database) == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_another_content_type_is_refused(database: Database, kind: str) -> None:
    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        body = orjson.dumps({"events": [VIEW]})
        reply = await client.post(PATH, content=body, headers={"content-type": kind})
        assert (reply.status_code, reply.headers["content-type"]) == (415, "application/problem+json")
        kinds = {"content-type": "Application/JSON; charset=utf-8"}
        assert (await client.post(PATH, content=body, headers=kinds)).status_code == 202

    tell(database, story)


@pytest.mark.parametrize(("error", "status"), [(QueueFullError("full"), 429), (DatabaseError("secret"), 503)])
def test_what_cannot_be_stored_now_is_to_be_sent_again_later(
    database: Database, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_self: EventWriter, _rows: object) -> None:
        raise error

    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        reply = await client.post(PATH, json={"events": [VIEW]})
        assert reply.status_code == status
        assert int(reply.headers["retry-after"]) > 0
        assert "secret" not in reply.text

    monkeypatch.setattr(EventWriter, "write", refuse)
    tell(database, story)
    assert count(database) == 0


def test_any_json_has_a_decided_answer(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    bodies = anything | st.fixed_dictionaries({"events": st.lists(anything | st.just(VIEW), max_size=3)})

    async def story(client: httpx.AsyncClient, _parts: SimpleNamespace) -> None:
        bodies_to_send: list[bytes] = []

        @settings(max_examples=60)
        @given(bodies.map(lambda body: httpx.Request("POST", PATH, json=body).content))
        def collect(body: bytes) -> None:
            bodies_to_send.append(body)

        collect()
        for body in bodies_to_send:
            reply = await client.post(PATH, content=body, headers={"content-type": "application/json"})
            assert reply.status_code in {202, 422}
            assert reply.json()

    tell(database, story)
    assert count(database) <= 1
