"""What goes with an item: like it, or bought with it. By path, and by body for ids that do not fit a path."""

from time import perf_counter

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.contract import RecommendationReply, body_of, query_of, refusals
from service.requests import ItemQuery, ItemsBody, read_body, read_query
from service.routes.asked import ask_of, id_in_path, parts_of, placement_of, reply_with, serving_of
from service.routes.plain import PlainRoute

router = APIRouter(tags=["items"], route_class=PlainRoute)

SIMILAR, BOUGHT_TOGETHER = "product", "bought-together"
"""The placements that these paths answer with."""

_BY_PATH = query_of(ItemQuery, item_id="The shop's id of an item of the catalogue or of the bundle.")
_BY_BODY = body_of(ItemsBody)
_REFUSED_PATH = refusals(404, 422, 503)
_REFUSED_BODY = refusals(404, 413, 415, 422, 503)


@router.get(
    "/v1/items/{item_id}/similar", response_model=RecommendationReply, responses=_REFUSED_PATH, openapi_extra=_BY_PATH
)
async def similar(request: Request) -> Response:
    """Recommend what a shopper of this item might want instead. 404 when nobody knows the item."""
    return _by_path(request, SIMILAR)


@router.get(
    "/v1/items/{item_id}/bought-together",
    response_model=RecommendationReply,
    responses=_REFUSED_PATH,
    openapi_extra=_BY_PATH,
)
async def bought_together(request: Request) -> Response:
    """Recommend what goes into a basket with this item. 404 when nobody knows the item."""
    return _by_path(request, BOUGHT_TOGETHER)


@router.post("/v1/items/similar", response_model=RecommendationReply, responses=_REFUSED_BODY, openapi_extra=_BY_BODY)
async def similar_to_many(request: Request) -> Response:
    """Recommend what is like these items. 404 when nobody knows any of them."""
    return await _by_body(request, SIMILAR)


@router.post(
    "/v1/items/bought-together", response_model=RecommendationReply, responses=_REFUSED_BODY, openapi_extra=_BY_BODY
)
async def bought_together_with_many(request: Request) -> Response:
    """Recommend what goes into a basket with these items. 404 when nobody knows any of them."""
    return await _by_body(request, BOUGHT_TOGETHER)


def _by_path(request: Request, name: str) -> Response:
    began = perf_counter()
    asked: ItemQuery = read_query(request, ItemQuery)
    return _answer(request, name, asked, (id_in_path(request, "item_id"),), began)


async def _by_body(request: Request, name: str) -> Response:
    began = perf_counter()
    asked: ItemsBody = await read_body(request, ItemsBody)
    return _answer(request, name, asked, asked.item_ids, began)


def _answer(
    request: Request, name: str, asked: ItemQuery | ItemsBody, item_ids: tuple[str, ...], began: float
) -> Response:
    parts = parts_of(request)
    ask = ask_of(placement_of(parts, name), asked, item_ids=item_ids)
    parts.metrics.stage("parse", perf_counter() - began)
    reply = parts.answering.shared(serving_of(parts), ask)
    return reply_with(parts, [reply], shopper=None, began=began)
