"""What a shopper did: stored before the answer, known to the next one."""

from time import time_ns

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.contract import EventsReply, body_of, refusals
from service.events import EventsBody, count, read_events, reply
from service.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem
from service.requests import read_json
from service.routes.asked import parts_of
from service.routes.plain import PlainRoute
from service.writer import QueueFullError

router = APIRouter(tags=["events"], route_class=PlainRoute)


@router.post(
    "/v1/events",
    status_code=202,
    response_model=EventsReply,
    responses=refusals(413, 415, 422, 429, 503),
    openapi_extra=body_of(EventsBody),
)
async def post_events(request: Request) -> Response:
    """Store events; the reply says of each what became of it. 422 when none was taken; then nothing changed."""
    parts = parts_of(request)
    received = read_events(await read_json(request), now_us=time_ns() // 1_000, keep_days=parts.events_keep_days)
    try:
        results = received.results(await parts.writer.write(received.rows))
    except QueueFullError as error:
        raise Problem(
            429,
            "Too many events waiting",
            "nothing was stored, because the database is behind; send the events again later",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
    for status, n in count(results).items():
        parts.metrics.events(status, n)
    status_code, body = reply(results, request.scope.get("request_id"))
    media_type = "application/json" if status_code == 202 else MEDIA_TYPE  # noqa: PLR2004 - Accepted
    return Response(body, status_code, {"cache-control": "no-store"}, media_type)
