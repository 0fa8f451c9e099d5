"""What clients may count on, as OpenAPI tells it: the shape of every reply, and of every question."""

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field, TypeAdapter

from service.access import OPEN_PATH
from service.problems import MEDIA_TYPE
from service.requests import Id

_ID = TypeAdapter(Id).json_schema()
_IN_COMPONENTS = "#/components/schemas/{model}"


class ReasonReply(BaseModel):
    """Why an item is in a list."""

    source: str = Field(description="The source that adds most to the score.")
    because_of: list[str] = Field(description="Items of the shopper, or of the page, that carry it; strongest first.")
    text: str = Field(description="The reason in a sentence that a shop can print.")


class ItemReply(BaseModel):
    """One recommended item."""

    item_id: str
    position: int = Field(description="From 1.")
    title: str
    score: float | None = Field(description="The ranker's; null for what fills the list up.")
    reason: ReasonReply


class RecommendationReply(BaseModel):
    """One list."""

    recommendation_id: str = Field(description="New for every reply: send it back with the events that follow.")
    placement: str
    model_version: str
    experiment: dict[str, str] | None
    fallback: str | None = Field(
        description="null, or what stood in: trending_and_popular when nothing is known of the shopper, popular when "
        "the sources found too little."
    )
    history: Literal["unavailable"] | None = Field(description="unavailable: the shopper's history cannot be read now.")
    unknown_item_ids: list[str] = Field(description="Ids of the request that no item has; they were ignored.")
    items: list[ItemReply]


class RecommendationsReply(BaseModel):
    """The lists of a call with several placements, in its order."""

    recommendations: list[RecommendationReply]


class EventProblem(BaseModel):
    """Why an event was not taken."""

    field: str | None
    detail: str


class EventReply(BaseModel):
    """What became of one event."""

    index: int = Field(description="Of the event in the body, from 0.")
    event_id: str | None = Field(description="The client's, or the one that the event was given.")
    status: Literal["accepted", "duplicate", "conflict", "rejected"]
    problem: EventProblem | None = Field(default=None, description="What is wrong with the event, and what to do.")


class EventsReply(BaseModel):
    """What became of the events of a call."""

    accepted: int
    duplicates: int
    rejected: int = Field(description="With those in conflict.")
    results: list[EventReply] = Field(description="In the order of the body.")


class AliveReply(BaseModel):
    """The process turns."""

    status: Literal["alive"]


class ReadyReply(BaseModel):
    """Whether there are answers."""

    status: Literal["ready", "degraded", "waiting"]
    model_version: str | None
    waiting_for: list[str] = Field(description="Without these nothing can be answered.")
    degraded: dict[str, str] = Field(description="What answers go without, and what that means.")


class VersionReply(BaseModel):
    """What runs."""

    endcap: str
    model_version: str | None = Field(description="Of the bundle that answers; null without one.")
    db_schema: str = Field(alias="schema", description="Of the database.")


class ProblemReply(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = Field(description="urn:problem:endcap: and the title; equal for problems of one kind.")
    title: str
    status: int
    detail: str = Field(description="What, which, and what to do next.")
    field: str | None = Field(default=None, description="Where in the query or the body, dotted: events.3.item_id.")
    request_id: str | None = Field(default=None, description="The service's log says more under it.")


_REFUSALS = {
    401: "The service has a key, and this request has not.",
    404: "Nothing is known of the item that the list is about, or there is nothing at this path.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    421: "The service has no key, and Host is no name of this machine.",
    422: "The request cannot be; `field` says where.",
    429: "More events wait to be stored than there is room for; nothing was stored.",
    503: "Not now: there is no bundle yet, or the database is away. Nothing was stored.",
}
_WITH_RETRY_AFTER = {429, 503}
_OF_ALL = (401, 421)
"""What every path but the open one may answer."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the refusals of a path."""
    return {status: _refusal(status) for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    reference = {"$ref": _IN_COMPONENTS.format(model=ProblemReply.__name__)}
    told: dict[str, Any] = {"description": _REFUSALS[status], "content": {MEDIA_TYPE: {"schema": reference}}}
    if status in _WITH_RETRY_AFTER:
        told["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return told


def query_of(model: type[BaseModel], **in_path: str) -> dict[str, Any]:
    """Return what OpenAPI says of a question in a query string, and of the ids in its path."""
    schema = model.model_json_schema(ref_template=_IN_COMPONENTS)
    path = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": _ID}
        for name, text in in_path.items()
    ]
    query = [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": told.get("description", ""),
            "schema": {key: value for key, value in told.items() if key != "description"},
        }
        for name, told in schema["properties"].items()
    ]
    return {"parameters": [*path, *query]}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a question in a body."""
    schema = model.model_json_schema(ref_template=_IN_COMPONENTS)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def install(app: FastAPI) -> None:
    """Let the document say what all paths may answer, and keep its models where its references look for them."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas[ProblemReply.__name__] = ProblemReply.model_json_schema()
        for path, methods in document["paths"].items():
            for told in methods.values():
                if path != OPEN_PATH:
                    told["responses"] |= {str(status): _refusal(status) for status in _OF_ALL}
                for content in told.get("requestBody", {}).get("content", {}).values():
                    schemas.update(content["schema"].pop("$defs", {}))
        return document

    app.openapi = openapi  # type: ignore[method-assign]
