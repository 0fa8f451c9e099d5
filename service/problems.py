"""What went wrong, as the client reads it: `application/problem+json` (RFC 9457). Here alone errors become statuses."""

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.errors import BusyError, ConfigurationError, InputError, RecommenderError, StoreError, UnknownItemError

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_SECONDS = 2
"""When to ask again after a 503: what is away is looked for about once a second."""

SHOWN_CHARACTERS = 1_000
"""A detail is cut here, whatever of the request it repeats."""


_log = structlog.get_logger()


class Problem(Exception):  # noqa: N818 - the noun of RFC 9457
    """An answer that is a refusal. Raise it anywhere below a route.

    title: a few words, the same for every problem of one kind; the member `type` is made of them.
    detail: what, which, and what to do next; never the inside of the service.
    field: where in the query or the body, dotted: `events.3.item_id`.
    retry_after: seconds.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}")  # what a traceback would print: nothing that the client sent
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.retry_after = retry_after
        self.headers = {**(headers or {}), **({} if retry_after is None else {"Retry-After": str(retry_after)})}

    def members(self, request_id: str | None) -> dict[str, Any]:
        """Return the members of the JSON object; every text in it can be encoded as UTF-8."""
        members: dict[str, Any] = {
            "type": f"urn:problem:endcap:{re.sub('[^a-z0-9]+', '-', self.title.lower())}",
            "title": self.title,
            "status": self.status,
            "detail": _shown(self.detail),
        }
        if self.field is not None:
            members["field"] = _shown(self.field)
        if request_id is not None:
            members["request_id"] = request_id
        return members


def problem_of(error: Exception) -> Problem:
    """Return what the client is told of any error. An error that nobody foresaw is a 500 that says nothing of it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError | RequestValidationError):
        return _invalid(error.errors())
    if isinstance(error, HTTPException):
        return _of_http(error)
    for kind, tell in _TOLD.items():
        if isinstance(error, kind):
            return tell(error)
    return Problem(
        500,
        "Internal error",
        "The service failed, and nothing is known to be wrong with the request. Its log says more under this "
        "request_id.",
    )


def respond(problem: Problem, request_id: str | None) -> Response:
    """Return the reply that carries a problem."""
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(orjson.dumps(problem.members(request_id)), problem.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every foreseen error below the app's routes a problem; `service.observing` answers for the others."""
    for kind in (Problem, ValidationError, RequestValidationError, HTTPException, *_TOLD):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if isinstance(error, StoreError | BusyError):
        _log.warning("could_not_answer", problem=problem.title, exc_info=error)
    return respond(problem, request.scope.get("request_id"))


def _away(_error: Exception) -> Problem:
    """Say nothing of the message: it names files, servers and values of the service."""
    return Problem(
        503,
        "Storage away",
        f"The database or the bundle does not answer now. Send the request again after {RETRY_AFTER_SECONDS} seconds: "
        "an event that carries its event_id is never stored twice. /readyz says what is away.",
        retry_after=RETRY_AFTER_SECONDS,
    )


def _busy(_error: Exception) -> Problem:
    return Problem(
        503,
        "Busy",
        "Another process does what only one may do at a time. Send the request again later.",
        retry_after=RETRY_AFTER_SECONDS,
    )


# In this order: an UnknownItemError is an InputError too.
_TOLD: dict[type[RecommenderError], Callable[[Exception], Problem]] = {
    UnknownItemError: lambda error: Problem(404, "Unknown item", str(error)),
    InputError: lambda error: Problem(422, "Invalid request", str(error)),
    ConfigurationError: lambda error: Problem(422, "Invalid request", str(error)),
    StoreError: _away,
    BusyError: _busy,
}


def _invalid(errors: Sequence[Any]) -> Problem:
    """Return the first of pydantic's errors, and how many there are besides. Never what was sent."""
    first, others = errors[0], len(errors) - 1
    field = ".".join(str(part) for part in first["loc"]) or None
    message = first["msg"].removeprefix("Value error, ")
    more = f" ({others} more like this)" if others else ""
    return Problem(422, "Invalid request", f"{field}: {message}{more}" if field else f"{message}{more}", field=field)


def _of_http(error: HTTPException) -> Problem:
    """Return the problem of an exception that the router or Starlette raised; its headers (Allow) go along."""
    details = {
        404: "There is nothing at this path. The paths are listed at /docs and in /openapi.json.",
        405: f"This path answers {(error.headers or {}).get('Allow', 'other methods')}. Use that method.",
    }
    title = HTTPStatus(error.status_code).phrase.capitalize()
    detail = details.get(error.status_code, str(error.detail))
    return Problem(error.status_code, title, detail, headers=error.headers)


def _shown(text: str) -> str:
    """Return a text that JSON can carry: cut, and lone surrogates written out."""
    return text[:SHOWN_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")
