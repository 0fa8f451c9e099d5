"""A log says what happened, in one form, and nothing of who asked for what."""

import contextlib
import http.client
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MARKER = "s3cr3t-shopper"

# A service in which everything goes wrong that can: with the marker in the hands of each.
SERVICE = """
import asyncio, gc, logging, sys, threading, warnings
import structlog, uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from models.errors import DatabaseError, UnknownItemError
from service import problems
from service.access import RequireLocalName
from service.logs import LOG_CONFIG, configure_logs
from service.metrics import Metrics
from service.observing import Observe

class Body(BaseModel):
    n: int = Field(le=100)

configure_logs()
log = structlog.get_logger()
app = FastAPI()
problems.install(app)
app.add_middleware(RequireLocalName)
app.add_middleware(Observe, metrics=Metrics())
kept = set()

@app.get("/v1/users/{user_id}/recommendations")
async def recommendations(user_id: str):
    log.info("answered", n=3)
    return {}

@app.get("/v1/items/{item_id}/similar")
async def similar(item_id: str):
    raise UnknownItemError(item_id, "the catalogue")

@app.get("/v1/fails/{how}")
async def fails(how: str, request: Request):
    what = request.query_params["what"]
    if how == "chained":
        try:
            {}[what]
        except KeyError as error:
            raise ValueError(what) from error
    if how == "group":
        raise ExceptionGroup(what, [ValueError(what), KeyError(what)])
    if how == "database":
        raise DatabaseError(what)
    if how == "task":
        async def fail():
            raise ValueError(what)
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()
    if how == "callback":
        def fail(*arguments):
            raise ValueError(*arguments)
        asyncio.get_running_loop().call_soon(fail, what)
    if how == "thread":
        def fail():
            raise ValueError(what)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    if how == "cleanup":
        class Cleaned:
            def __del__(self):
                raise ValueError(what)
        Cleaned()
    if how == "warning":
        warnings.warn("old way\\n" + what, stacklevel=1)
    if how == "line":
        logging.getLogger("elsewhere").error("%d", what)
    if how == "traceback":
        try:
            raise ValueError(what)
        except ValueError:
            logging.getLogger("elsewhere").exception("it failed")
            log.warning("it_failed", exc_info=True)
    return {}

@app.post("/v1/events")
async def events(request: Request):
    Body.model_validate_json(await request.body())
    return {}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=LOG_CONFIG, access_log=False, ws="none",
            loop="uvloop", http="httptools")
"""


@dataclass
class Server:
    """A real server, its port, and all that it wrote."""

    process: subprocess.Popen[str]
    port: int
    output: Path

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        status, told, _ = self.read(method, path, body, **headers)
        return status, told

    def read(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {"X-Shopper": MARKER, **headers})
        reply = connection.getresponse()
        read = reply.read()
        connection.close()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, read

    def send(self, raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(raw)
            return connection.recv(10_000)

    def stop(self) -> list[dict[str, Any]]:
        """End it, and return its lines: every line is JSON."""
        self.process.terminate()
        self.process.wait(20)
        return [json.loads(line) for line in self.output.read_text().splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        select.select([], [], [], 0.05)
    raise AssertionError("the server did not start")


@contextlib.contextmanager
def serving(arguments: list[str], output: Path, **environment: str) -> Iterator[Server]:
    """Start a server, given its arguments but for the port, and end it."""
    port = free_port()
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments, str(port)],
            env={**os.environ, **environment},
            stdout=file,
            stderr=file,
            text=True,
        )
    try:
        wait_until_open(port, process)
        yield Server(process, port, output)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(["-c", SERVICE], tmp_path / "output") as started:
        yield started


FAILURES = ["chained", "group", "database", "task", "callback", "thread", "cleanup", "warning", "line", "traceback"]


def test_nothing_of_who_asked_for_what_is_in_any_line(server: Server) -> None:
    assert server.ask("GET", f"/v1/users/{MARKER}/recommendations?exclude={MARKER}")[0] == 200
    assert server.ask("GET", f"/v1/items/{MARKER}/similar")[0] == 404
    assert server.ask("GET", f"/{MARKER}?{MARKER}")[0] == 404
    assert server.ask("PUT", f"/v1/users/{MARKER}/recommendations")[0] == 405
    assert server.ask("GET", "/v1/fails/x", Host=f"{MARKER}.example")[0] == 421
    for body in (MARKER, f'{{"n": "{MARKER}"}}', '{"n": 1000}'):
        assert server.ask("POST", "/v1/events", body)[0] == 422
    for how in FAILURES:
        expected = {"chained": 500, "group": 500, "database": 503}.get(how, 200)
        assert server.ask("GET", f"/v1/fails/{how}?what={MARKER}")[0] == expected, how
    assert server.ask("GET", f"/{MARKER}", Upgrade="websocket", Connection="Upgrade")[0] == 404
    for raw in (f"GET /{MARKER} HTTP/9.9\r\n\r\n", f"{MARKER}\r\n\r\n", f"GET /{MARKER} HTTP/1.1\r\n{MARKER}\r\n\r\n"):
        assert b" 400 " in server.send(raw.encode())
    lines = server.stop()
    assert MARKER not in server.output.read_text()
    assert {line["level"] for line in lines} == {"info", "warning", "error"}


def test_nothing_of_who_asked_for_what_is_in_any_line_of_the_whole_service(home: Path, tmp_path: Path) -> None:
    event = {
        "event_type": "purchase",
        "user_id": MARKER,
        "item_id": MARKER,
        "properties": {"said": MARKER},
        "event_id": MARKER,
    }
    bodies = [
        {"events": [event, event, {**event, "item_id": "other"}, {**event, "price": "x"}]},
        {"user_id": MARKER, "placement": "home", "session_item_ids": [MARKER]},
        {"item_id": MARKER, "placement": MARKER},
        [MARKER],
    ]
    with serving(["-m", "cli", "serve", "--port"], tmp_path / "output", ENDCAP_HOME=str(home)) as server:
        paths = json.loads(server.read("GET", "/openapi.json")[2])["paths"]
        statuses = set()
        for template, methods in paths.items():
            path = re.sub(r"{\w+}", MARKER, template)
            for method in methods:
                for query in ("", f"?{MARKER}", f"?placement={MARKER}&n=3", f"?n={MARKER}&category={MARKER}"):
                    for body in bodies if method == "post" else [None]:
                        status, _ = server.ask(
                            method.upper(), path + query, json.dumps(body), **{"Content-Type": "application/json"}
                        )
                        statuses.add(status)
        lines = server.stop()
    assert {200, 202, 404, 422} <= statuses
    assert "bundle_serves" in {line["event"] for line in lines}
    assert MARKER not in server.output.read_text()


def test_a_line_of_a_request_has_its_id_and_the_others_have_none(server: Server) -> None:
    _, headers = server.ask("GET", "/v1/users/1/recommendations", **{"X-Request-Id": "mine-1"})
    assert headers["x-request-id"] == "mine-1"
    server.ask("GET", "/v1/fails/chained?what=x", **{"X-Request-Id": "mine-2"})
    lines = {line["event"]: line for line in server.stop()}
    assert lines["answered"]["request_id"] == "mine-1"
    assert lines["request_failed"]["request_id"] == "mine-2"
    assert "request_id" not in lines["Application startup complete."]
    assert lines["Application startup complete."]["logger"] == "uvicorn.error"


def test_of_a_failure_the_types_and_places_are_told(server: Server) -> None:
    for how in FAILURES:
        server.ask("GET", f"/v1/fails/{how}?what={MARKER}")
    lines = server.stop()
    failed = [line for line in lines if line["event"] == "request_failed"]
    assert [[each["type"] for each in line["exception"]] for line in failed] == [
        ["builtins.ValueError", "builtins.KeyError"],
        ["builtins.ExceptionGroup", "builtins.ValueError", "builtins.KeyError"],
    ]
    assert failed[0]["exception"][0]["frames"][0].startswith("service.observing:")
    assert failed[0]["exception"][0]["frames"][-1].endswith(" fails")
    events = [line["event"] for line in lines]
    assert {"thread_died", "exception_in_cleanup", "it failed", "it_failed"} <= set(events)
    assert "Task exception was never retrieved" in events
    assert any(event.startswith("Exception in callback") for event in events)
    assert any(event.endswith("UserWarning: old way") for event in events)


def test_the_page_for_operators_explains_every_event() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in (root / "service").rglob("*.py"))
    events = set(re.findall(r"_log\.\w+\(\s*\"(\w+)\"", sources))
    steps = set(re.findall(r"\.begin\(\"(\w+)\"", sources))
    assert "request_failed" in events
    assert {name for name in events | {f"{step}_failed" for step in steps} if f"`{name}`" not in page} == set()


def test_in_a_terminal_lines_are_for_people() -> None:
    ours, theirs = pty.openpty()
    script = """
import structlog
from service.logs import configure_logs
configure_logs()
structlog.get_logger().info("bundle_serves", version="v1")
"""
    subprocess.run([sys.executable, "-c", script], stderr=theirs, check=True)
    os.close(theirs)
    line = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "bundle_serves" in line
    assert not line.startswith("{")
