"""What a request may say: one pydantic model a question, read once from the query string or from the body."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import parse_qsl

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from starlette.requests import ClientDisconnect, Request

from models.catalogue import category_path
from models.errors import InputError
from service.problems import Problem

MOST_ITEMS = 100
"""Of one list."""
MOST_PLACEMENTS = 20
"""Of one call."""
_MOST_IDS = 200
_MOST_PARAMETERS = 500
_MOST_BYTES = 1_000_000
_REMEMBERED_BYTES = 512
"""Longer query strings are not remembered: what is remembered stays below two megabytes."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Ids = Annotated[tuple[Id, ...], Field(max_length=_MOST_IDS)]


def _is_path(text: str) -> str:
    try:
        category_path(text)
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


Category = Annotated[str, StringConstraints(min_length=1, max_length=1_000), AfterValidator(_is_path)]


class _Asked(BaseModel):
    """What every question has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    repeated: ClassVar[frozenset[str]] = frozenset({"exclude", "item_id", "session_item_id"})
    """Parameters of a query string that may stand in it several times."""

    n: int | None = Field(default=None, ge=1, le=MOST_ITEMS, description="How many items; without it the placement's.")
    exclude: Ids = Field(default=(), description="Item ids that must not be shown.")
    category: Category | None = Field(
        default=None, description='Only items of this category path, "Dairy > Milk"; everything below it counts.'
    )


class PersonalQuery(_Asked):
    """The query string of GET /v1/users/{user_id}/recommendations."""

    placement: str = Field(default="home", max_length=100, description="The slot of the shop that is to be filled.")
    item_id: Ids = Field(default=(), description="What the list is about: the product, or the items of the cart.")
    session_item_id: Ids = Field(default=(), description="What was looked at in this session, the newest last.")


class ItemQuery(_Asked):
    """The query string of GET /v1/items/{item_id}/similar and /bought-together."""


class ListQuery(_Asked):
    """The query string of GET /v1/trending and /v1/popular."""

    window: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}d$")] | None = Field(
        default=None, description="Of the last so many days, 7d; without it as training weighs the days."
    )


class PlacementBody(_Asked):
    """One placement of a call."""

    placement: str = Field(default="home", max_length=100)
    item_ids: Ids = Field(default=(), description="What the list is about: the product, or the items of the cart.")


class PersonalBody(PlacementBody):
    """The body of POST /v1/recommendations: one placement, or several for one shopper."""

    user_id: Id | None = Field(default=None, description="The shop's id of a shopper who is known by one.")
    anonymous_id: Id | None = Field(default=None, description="A visitor's id, of a cookie say.")
    session_item_ids: Ids = Field(default=(), description="What was looked at in this session, the newest last.")
    placements: Annotated[tuple[PlacementBody, ...], Field(max_length=MOST_PLACEMENTS)] | None = Field(
        default=None, description="Several placements in one call, instead of `placement` and what goes with it."
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.placements is None:
            return self
        doubled = sorted(self.model_fields_set & PlacementBody.model_fields.keys())
        if doubled:
            raise ValueError(f"{doubled[0]} stands beside placements; write it into one of them")
        if not self.placements:
            raise ValueError("placements is empty; name at least one, or leave it out")
        return self


class ItemsBody(_Asked):
    """The body of POST /v1/items/similar and /v1/items/bought-together."""

    item_ids: Ids = Field(min_length=1, description="What the list is about.")


def read_query(request: Request, model: type[_Asked]) -> Any:  # noqa: ANN401 - an instance of the model
    """Return the query string as the model that it must be. Raises Problem, or pydantic's error naming the field."""
    query: bytes = request.scope["query_string"]
    return _read(query, model) if len(query) <= _REMEMBERED_BYTES else _read.__wrapped__(query, model)


@lru_cache(maxsize=2_048)
def _read(query: bytes, model: type[_Asked]) -> _Asked:
    # A page of the shop sends the same words for every shopper; models are immutable.
    return model.model_validate(_parameters(query, model))


def _parameters(query: bytes, model: type[_Asked]) -> Mapping[str, str | list[str]]:
    try:
        pairs = _pairs(query.decode("ascii"))
    except ValueError as error:
        raise Problem(
            422, "Query not readable", "the query string is no UTF-8, or too long; write it percent-encoded, as UTF-8"
        ) from error
    once: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in model.repeated:
            repeated.setdefault(name, []).append(value)
        elif name in once:
            raise Problem(422, "Parameter twice", f"{name} stands in the query twice; write it once", field=name)
        else:
            once[name] = value
    return {**once, **repeated}


def _pairs(query: str) -> Sequence[tuple[str, str]]:
    """Return names and values in their order. Raises ValueError for what is no UTF-8, and for too many."""
    if "%" in query or "+" in query or query.count("&") >= _MOST_PARAMETERS:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    # Most ids are plain: nothing is to be decoded, and this takes a tenth of the time.
    return [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]


async def read_body(request: Request, model: type[_Asked]) -> Any:  # noqa: ANN401 - an instance of the model
    """Return the JSON body as the model that it must be. Raises Problem, or pydantic's error naming the field."""
    return model.model_validate(await read_json(request))


async def read_json(request: Request) -> Any:  # noqa: ANN401 - what JSON can say
    """Return what the body says. Raises Problem for one that is too large or no JSON; NaN is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "Not JSON", "send the body as JSON, with the header Content-Type: application/json")
    if "content-encoding" in request.headers:
        raise Problem(415, "Encoded body", "send the body as it is, without the header Content-Encoding")
    body = await whole_body(request)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(422, "Not JSON", f"the body is no JSON: {error.msg} at character {error.pos}") from error


async def whole_body(request: Request, at_most: int = _MOST_BYTES) -> bytes:
    """Return the body; raises Problem (413) as soon as it is longer than `at_most` bytes."""
    chunks, n_bytes = [], 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > at_most:
        raise _too_large(at_most)
    try:
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > at_most:
                raise _too_large(at_most)
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise Problem(400, "Body incomplete", "the connection ended before the body did") from error
    return b"".join(chunks)


def _too_large(at_most: int) -> Problem:
    return Problem(413, "Body too large", f"the body is longer than {at_most:,} bytes; send less at once")
