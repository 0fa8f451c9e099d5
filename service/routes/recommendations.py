"""What a shopper should see: one placement, or several of one page in one call."""

from time import perf_counter

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from models.events import shopper_key
from service.asking import Ask
from service.contract import RecommendationReply, RecommendationsReply, body_of, query_of, refusals
from service.parts import Parts
from service.requests import PersonalBody, PersonalQuery, PlacementBody, read_body, read_query
from service.routes.asked import ask_of, id_in_path, parts_of, placement_of, reply_with, serving_of
from service.routes.plain import PlainRoute

router = APIRouter(tags=["recommendations"], route_class=PlainRoute)


@router.get(
    "/v1/users/{user_id}/recommendations",
    response_model=RecommendationReply,
    responses=refusals(404, 422, 503),
    openapi_extra=query_of(PersonalQuery, user_id="The shop's id of the shopper; an unknown one is a new shopper."),
)
async def recommend_for_user(request: Request) -> Response:
    """Recommend items to one shopper for one placement; an unknown shopper gets what is trending and popular."""
    began, parts = perf_counter(), parts_of(request)
    shopper = shopper_key(id_in_path(request, "user_id"), None)
    asked: PersonalQuery = read_query(request, PersonalQuery)
    placement = placement_of(parts, asked.placement)
    ask = ask_of(placement, asked, item_ids=asked.item_id, session_item_ids=asked.session_item_id)
    parts.metrics.stage("parse", perf_counter() - began)
    replies = await parts.answering.personal(serving_of(parts), shopper, [ask])
    return reply_with(parts, replies, shopper=shopper, began=began)


@router.post(
    "/v1/recommendations",
    response_model=RecommendationReply | RecommendationsReply,
    responses=refusals(404, 413, 415, 422, 503),
    openapi_extra=body_of(PersonalBody),
)
async def recommend(request: Request) -> Response:
    """Recommend items to a customer, a visitor or nobody in particular, for one or several placements."""
    began, parts = perf_counter(), parts_of(request)
    asked: PersonalBody = await read_body(request, PersonalBody)
    asks = [_ask(parts, one, asked.session_item_ids) for one in asked.placements or (asked,)]
    parts.metrics.stage("parse", perf_counter() - began)
    serving = serving_of(parts)
    shopper = None
    if asked.user_id or asked.anonymous_id:
        shopper = shopper_key(asked.user_id, asked.anonymous_id)
        replies = await parts.answering.personal(serving, shopper, asks)
    else:
        replies = [parts.answering.shared(serving, ask) for ask in asks]
    return reply_with(parts, replies, shopper=shopper, as_list=asked.placements is not None, began=began)


def _ask(parts: Parts, one: PlacementBody, session_item_ids: tuple[str, ...]) -> Ask:
    placement = placement_of(parts, one.placement)
    return ask_of(placement, one, item_ids=one.item_ids, session_item_ids=session_item_ids)
