"""Every refusal has one form, and says what to do next without telling the inside of the service."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator
from structlog.testing import capture_logs

from models.errors import (
    BundleError,
    BusyError,
    ConfigurationError,
    DatabaseError,
    GateRefusedError,
    InputError,
    RecommenderError,
    StoreError,
    UnknownItemError,
)
from service.problems import MEDIA_TYPE, SHOWN_CHARACTERS, Problem, install, problem_of, respond


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    price: float = Field(ge=0)


class Basket(BaseModel):
    n: int = Field(default=1, le=100)
    lines: list[Line] = []

    @field_validator("n")
    @classmethod
    def is_not_thirteen(cls, n: int) -> int:
        if n == 13:
            raise ValueError("thirteen is not sold; ask for 12 or 14")
        return n


def refused(body: str) -> Problem:
    try:
        Basket.model_validate_json(body)
    except ValueError as error:
        return problem_of(error)
    raise AssertionError(body)


def ask(error: Exception, path: str = "/fails", method: str = "GET") -> httpx.Response:
    """Ask an application whose only path, /fails, raises this."""
    app = FastAPI()
    install(app)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    return asyncio.run(once())


def test_a_problem_raised_below_a_route_is_the_reply() -> None:
    reply = ask(
        Problem(429, "Queue full", "1,000 events wait; send these again in 3 s.", field="events", retry_after=3)
    )
    assert reply.status_code == 429
    assert reply.headers["content-type"] == MEDIA_TYPE
    assert reply.headers["retry-after"] == "3"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json() == {
        "type": "urn:problem:endcap:queue-full",
        "title": "Queue full",
        "status": 429,
        "detail": "1,000 events wait; send these again in 3 s.",
        "field": "events",
    }


@pytest.mark.parametrize(
    ("error", "status", "is_told"),
    [
        (UnknownItemError("i-1", "the catalogue"), 404, True),
        (InputError("window=3d is not in the bundle; ask for 7d"), 422, True),
        (ConfigurationError("there is no placement 'hom'; did you mean 'home'?"), 422, True),
        (DatabaseError("the database postgresql://db.inside/shop is not answering"), 503, False),
        (BundleError("/srv/bundles/1 lacks its file"), 503, False),
        (StoreError("/srv/var is read-only"), 503, False),
        (BusyError("process 1234 is importing"), 503, False),
        (GateRefusedError("ndcg .3 < .4"), 500, False),
        (RecommenderError("inside"), 500, False),
        (ZeroDivisionError("shopper 1029"), 500, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_has_its_status_and_tells_only_what_is_the_clients(
    error: Exception, status: int, *, is_told: bool
) -> None:
    problem = problem_of(error)
    assert problem.status == status
    assert (str(error) in problem.detail) == is_told
    assert (problem.retry_after is not None) == (status == 503)


def test_a_foreseen_error_of_the_domain_reaches_the_client_as_a_problem() -> None:
    reply = ask(UnknownItemError("i-1", "the catalogue"))
    assert (reply.status_code, reply.headers["content-type"]) == (404, MEDIA_TYPE)
    assert "'i-1'" in reply.json()["detail"]


def test_what_is_away_is_in_the_log_and_not_in_the_reply() -> None:
    with capture_logs() as lines:
        reply = ask(DatabaseError("the database postgresql://db.inside/shop is not answering"))
    assert (reply.status_code, reply.json()["title"]) == (503, "Storage away")
    assert "db.inside" not in reply.text
    assert [line["event"] for line in lines] == ["could_not_answer"]


def test_an_error_that_has_no_status_is_left_to_who_logs_it() -> None:
    with pytest.raises(GateRefusedError):
        ask(GateRefusedError("ndcg .3 < .4"))


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ('{"n": 10000}', "n", "less than or equal to 100"),
        ('{"n": 13}', "n", "n: thirteen is not sold; ask for 12 or 14"),
        ('{"lines": [{"price": 1}, {"price": -1}]}', "lines.1.price", "greater than or equal to 0"),
        ('{"lines": [{"price": "x", "cost": 1}]}', "lines.0.price", "(1 more like this)"),
        ('{"n": ', None, "Invalid JSON"),
        ("[]", None, "object"),
    ],
)
def test_what_pydantic_refuses_names_the_field(body: str, field: str | None, words: str) -> None:
    problem = refused(body)
    assert (problem.status, problem.field) == (422, field)
    assert words in problem.detail


def test_an_unknown_path_says_where_the_known_ones_are() -> None:
    reply = ask(ValueError(), path="/nothing-here")
    assert (reply.status_code, reply.headers["content-type"]) == (404, MEDIA_TYPE)
    assert "/docs" in reply.json()["detail"]
    assert "nothing-here" not in reply.text


def test_a_method_that_a_path_has_not_says_which_it_has() -> None:
    reply = ask(ValueError(), method="DELETE")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")
    assert "answers GET" in reply.json()["detail"]


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_whatever_text_a_problem_repeats_it_is_json_in_utf_8(text: str) -> None:
    reply = respond(Problem(422, "Invalid request", text, field=text), None)
    members: dict[str, Any] = json.loads(bytes(reply.body))
    whole = text.encode("utf-8", "backslashreplace").decode()
    assert whole.startswith(members["detail"])
    assert members["detail"] == members["field"]


def test_a_key_with_a_lone_surrogate_is_refused_like_another() -> None:
    try:
        Basket.model_validate({"lines": [{"price": 1, "\ud800": 2}]})
    except ValueError as error:
        reply = respond(problem_of(error), "r-1")
    assert json.loads(bytes(reply.body))["field"] == "lines.0"
    assert json.loads(bytes(reply.body))["request_id"] == "r-1"


def test_a_long_detail_is_cut() -> None:
    assert len(Problem(422, "Invalid request", "x" * 10_000).members(None)["detail"]) == SHOWN_CHARACTERS


def test_what_a_traceback_prints_of_a_problem_is_nothing_that_was_sent() -> None:
    assert "1029" not in repr(Problem(422, "Invalid request", "user 1029", field="1029"))
