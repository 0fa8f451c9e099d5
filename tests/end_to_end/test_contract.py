"""Whatever OpenAPI lets a client send, the answer is one that OpenAPI tells of."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.processes import Served

Operation: TypeAlias = schemathesis.APIOperation[Any, Any, Any, Any]
Check: TypeAlias = schemathesis.CheckFunction

ASKED = [
    ("GET", "/v1/users/{user_id}/recommendations"),
    ("POST", "/v1/recommendations"),
    ("GET", "/v1/items/{item_id}/similar"),
    ("GET", "/v1/items/{item_id}/bought-together"),
    ("POST", "/v1/items/similar"),
    ("POST", "/v1/items/bought-together"),
    ("GET", "/v1/trending"),
    ("GET", "/v1/popular"),
    ("POST", "/v1/events"),
]
"""What says something: it can be said wrongly."""
PLAIN = [("GET", "/livez"), ("GET", "/readyz"), ("GET", "/version"), ("GET", "/metrics")]
SHOPPER, ITEM = {"user_id": "garden-1"}, {"item_id": "garden-1"}
MANY = {"item_ids": ["garden-1", "kitchen-1"]}
SEVERAL = {**SHOPPER, "placements": [{"placement": "home"}, {"placement": "cart", "item_ids": ["garden-1"]}]}
GOOD = [
    ("GET", "/v1/users/{user_id}/recommendations", {"path_parameters": SHOPPER, "query": {"n": 3}}, 200),
    ("GET", "/v1/items/{item_id}/similar", {"path_parameters": ITEM}, 200),
    ("GET", "/v1/items/{item_id}/bought-together", {"path_parameters": ITEM, "query": {"category": "garden"}}, 200),
    ("GET", "/v1/trending", {"query": {"exclude": ["garden-1", "garden-2"]}}, 200),
    ("GET", "/v1/popular", {"query": {"window": "7d"}}, 200),
    ("POST", "/v1/recommendations", {"body": {"session_item_ids": ["garden-1"]}}, 200),
    ("POST", "/v1/recommendations", {"body": SEVERAL}, 200),
    ("POST", "/v1/items/similar", {"body": MANY}, 200),
    ("POST", "/v1/items/bought-together", {"body": MANY}, 200),
    ("POST", "/v1/events", {"body": {"events": [{"event_type": "view", **SHOPPER, **ITEM}, {"event_type": "?"}]}}, 202),
]
CHECKS: list[Check] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
N_EXAMPLES = 25


@pytest.fixture(scope="module")
def served(taught_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("contract")
    home = shutil.copytree(taught_home, folder / "home")
    served = Served({"ENDCAP_HOME": str(home)}, folder / "log")
    try:
        yield served.start()
    finally:
        served.close()


@pytest.fixture(scope="module")
def schema(served: Served) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(served.get("/openapi.json"))


def test_every_path_is_tried(schema: schemathesis.BaseSchema) -> None:
    told = schema.raw_schema["paths"]
    assert {(method.upper(), path) for path, methods in told.items() for method in methods} == set(ASKED + PLAIN)


@pytest.mark.parametrize(("method", "path", "parts", "status"), GOOD)
def test_a_good_question_gets_the_reply_that_the_contract_describes(
    served: Served, schema: schemathesis.BaseSchema, method: str, path: str, parts: dict[str, Any], status: int
) -> None:
    media_type = "application/json" if "body" in parts else None
    case = schema[path][method].Case(**parts, media_type=media_type)
    reply = case.call_and_validate(base_url=f"http://127.0.0.1:{served.port}", checks=CHECKS)
    assert reply.status_code == status


@pytest.mark.parametrize(("method", "path"), ASKED + PLAIN)
def test_a_question_as_the_contract_has_it_gets_an_answer_that_the_contract_tells_of(
    served: Served, schema: schemathesis.BaseSchema, method: str, path: str
) -> None:
    ask(served, schema[path][method], schemathesis.GenerationMode.POSITIVE, CHECKS)


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_a_question_against_the_contract_is_refused_as_the_contract_tells(
    served: Served, schema: schemathesis.BaseSchema, method: str, path: str
) -> None:
    # One event that is wrong does not sink the others of its call.
    refused: list[Check] = [] if path == "/v1/events" else [negative_data_rejection]
    ask(served, schema[path][method], schemathesis.GenerationMode.NEGATIVE, CHECKS + refused)


def ask(
    served: Served,
    operation: Operation,
    mode: schemathesis.GenerationMode,
    checks: list[Check],
) -> None:
    """Send made-up questions, the same ones every time."""

    @settings(
        max_examples=N_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answered(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=f"http://127.0.0.1:{served.port}", checks=checks)

    answered()
