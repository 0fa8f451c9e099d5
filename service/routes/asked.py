"""What the paths that answer with lists share: the parts, the placement, and a reply that leaves an exposure."""

from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter, time_ns
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from models.catalogue import category_path
from models.errors import ConfigurationError
from models.placement import Placement
from service.asking import Ask
from service.exposing import Exposure
from service.parts import Parts
from service.problems import Problem
from service.replies import Reply, several
from service.requests import Id
from service.snapshots import Serving
from store.placements import placement_named

RETRY_AFTER_SECONDS = 2

_id = TypeAdapter(Id)


def parts_of(request: Request) -> Parts:
    """Return the parts of this process."""
    parts: Parts = request.app.state.parts
    return parts


def serving_of(parts: Parts) -> Serving:
    """Return what the whole request is answered from. Raises Problem (503) while there is nothing yet."""
    serving = parts.snapshots.champion
    if serving is None:
        raise Problem(
            503,
            "Not ready",
            "no bundle is loaded yet: run `endcap train`; /readyz says what the service waits for",
            retry_after=RETRY_AFTER_SECONDS,
        )
    return serving


def id_in_path(request: Request, name: str) -> str:
    """Return the id in a path. Raises Problem."""
    value: str = request.path_params[name]
    if "\N{REPLACEMENT CHARACTER}" not in value:
        with suppress(ValidationError):
            return _id.validate_python(value)
    raise Problem(
        422,
        "Impossible id",
        f"{name} in the path is no id: 1 to 256 characters in UTF-8, none of them of control",
        field=name,
    )


def placement_of(parts: Parts, name: str) -> Placement:
    """Return a placement by name. Raises Problem naming the nearest one."""
    try:
        return placement_named(name, dict(parts.placements))
    except ConfigurationError as error:
        raise Problem(422, "Unknown placement", str(error), field="placement") from error


def ask_of(placement: Placement, asked: Any, **more: Any) -> Ask:  # noqa: ANN401 - the models of service.requests
    """Return what a query or a body asks of a placement."""
    category = category_path(asked.category) if asked.category else ()
    return Ask(placement, asked.n or placement.n, exclude=asked.exclude, category=category, **more)


def reply_with(
    parts: Parts, replies: Sequence[Reply], *, shopper: str | None, as_list: bool = False, began: float
) -> Response:
    """Send replies, and leave an exposure of each."""
    now_us = time_ns() // 1_000
    for reply in replies:
        if reply.answer.fallback:
            parts.metrics.fallback(reply.answer.fallback)
        parts.writer.expose(
            Exposure(
                reply.recommendation_id,
                now_us,
                shopper,
                reply.placement,
                reply.model_version,
                variant=None,
                item_ids=reply.answer.item_ids,
            )
        )
    body = several(replies) if as_list else replies[0].as_json()
    parts.metrics.stage("answer", perf_counter() - began)
    return Response(
        body,
        media_type="application/json",
        headers={"cache-control": "no-store" if shopper is None else "private, no-store"},
    )
