"""What clients may count on, as OpenAPI tells it: the shape of every reply, and of every question."""

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field

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


def query_of(model: type[BaseModel], **in_path: str) -> dict[str, Any]:
    """Return what OpenAPI says of a question in a query string, and of the ids in its path."""
    schema = model.model_json_schema(ref_template=_IN_COMPONENTS)
    path = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
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
    """Let the application's document keep the models that bodies are made of where its references look for them."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for path in document["paths"].values():
            for told in path.values():
                for content in told.get("requestBody", {}).get("content", {}).values():
                    schemas.update(content["schema"].pop("$defs", {}))
        return document

    app.openapi = openapi  # type: ignore[method-assign]
