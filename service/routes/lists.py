"""What everybody may see: what is trending and what is popular."""

from time import perf_counter

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.contract import RecommendationReply, query_of, refusals
from service.requests import ListQuery, read_query
from service.routes.asked import ask_of, parts_of, placement_of, reply_with, serving_of
from service.routes.plain import PlainRoute

router = APIRouter(tags=["lists"], route_class=PlainRoute)

_DOCUMENTED = query_of(ListQuery)
_REFUSED = refusals(422, 503)


@router.get("/v1/trending", response_model=RecommendationReply, responses=_REFUSED, openapi_extra=_DOCUMENTED)
async def trending(request: Request) -> Response:
    """List what rises at the moment, in the shop or in one of its categories."""
    return _list(request, "trending")


@router.get("/v1/popular", response_model=RecommendationReply, responses=_REFUSED, openapi_extra=_DOCUMENTED)
async def popular(request: Request) -> Response:
    """List what the shop's shoppers like these days, in the shop or in one of its categories."""
    return _list(request, "popular")


def _list(request: Request, name: str) -> Response:
    began, parts = perf_counter(), parts_of(request)
    asked: ListQuery = read_query(request, ListQuery)
    window_days = int(asked.window[:-1]) if asked.window else None
    ask = ask_of(placement_of(parts, name), asked, window_days=window_days)
    parts.metrics.stage("parse", perf_counter() - began)
    reply = parts.answering.shared(serving_of(parts), ask)
    return reply_with(parts, [reply], shopper=None, began=began)
