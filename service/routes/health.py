"""How the service is: alive, ready, which version, and its figures. docs/operations.md says what to do about them."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from service.contract import AliveReply, ReadyReply, VersionReply
from service.metrics import CONTENT_TYPE, Readings
from service.parts import Parts
from service.problems import RETRY_AFTER_SECONDS
from service.routes.asked import parts_of
from service.routes.plain import PlainRoute
from store.schema import REVISIONS

REFRESHES_MISSED = 6
"""So many times in a row may reading stock and prices fail before /readyz says that the catalogue is old."""

router = APIRouter(tags=["health"], route_class=PlainRoute)

_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Health:
    """What /readyz says."""

    waiting_for: Sequence[str]
    """Without these nothing can be answered."""
    degraded: Mapping[str, str]
    """What answers go without -> what that means."""

    @property
    def status(self) -> Literal["ready", "degraded", "waiting"]:
        """Return the worst of it in one word."""
        if self.waiting_for:
            return "waiting"
        return "degraded" if self.degraded else "ready"


@router.get("/livez", response_model=AliveReply)
async def livez(_request: Request) -> Response:
    """Say that the process turns. Needs no key."""
    return _json({"status": "alive"})


@router.get(
    "/readyz",
    response_model=ReadyReply,
    responses={503: {"model": ReadyReply, "description": "Not ready; the reply says what it waits for."}},
)
async def readyz(request: Request) -> Response:
    """Say whether there are answers: 200 when ready or degraded, 503 with what it waits for."""
    parts = parts_of(request)
    health = health_of(parts)
    reply = _json(
        {
            "status": health.status,
            "model_version": _model_version(parts),
            "waiting_for": health.waiting_for,
            "degraded": health.degraded,
        }
    )
    if health.waiting_for:
        reply.status_code = 503
        reply.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return reply


@router.get("/version", response_model=VersionReply)
async def versions(request: Request) -> Response:
    """Return the versions of the service, of the bundle that answers (null without one) and of the database schema."""
    return _json(
        {"endcap": version("endcap"), "model_version": _model_version(parts_of(request)), "schema": REVISIONS[-1]}
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return the figures of all workers in Prometheus' text format."""
    figures = parts_of(request).metrics
    figures.refresh()
    return Response(await asyncio.to_thread(figures.render), media_type=CONTENT_TYPE, headers=_NOT_KEPT)


def health_of(parts: Parts) -> Health:
    """Look at the parts; nothing is asked of a database or of Redis for it."""
    snapshots = parts.snapshots
    waiting_for = []
    if snapshots.champion is None:
        waiting_for.append(_without_password(snapshots.waiting_for or "a published bundle: run `endcap train`"))
    return Health(waiting_for, dict(_degraded(parts)))


def readings(parts: Parts) -> Readings:
    """Return what the gauges of /metrics say of the parts."""
    return Readings(
        ready=not health_of(parts).waiting_for,
        model_version=_model_version(parts),
        model_age_seconds=parts.snapshots.model_age_seconds,
        catalogue_age_seconds=parts.snapshots.catalogue_age_seconds,
        redis_up=parts.cache.state != "away",
        database_up=parts.database_state() == "ok" and parts.writer.problem is None,
        bundles_refused=len(parts.snapshots.refused),
    )


def _degraded(parts: Parts) -> Iterator[tuple[str, str]]:
    snapshots = parts.snapshots
    if parts.database_state() == "away":
        yield "database", "away: a shopper whom the cache does not know is answered without a history"
    if parts.writer.problem is not None:
        yield "events", f"the newest were refused (503): {_without_password(parts.writer.problem)}"
    if parts.cache.state == "away":
        yield "redis", f"away ({parts.cache.why_away}): every answer is computed, from the database"
    age, allowed = snapshots.catalogue_age_seconds, REFRESHES_MISSED * snapshots.catalogue_refresh_seconds
    if age is not None and age > allowed:
        yield "catalogue", f"stock and prices are {age:.0f} s old; they should be at most {allowed:.0f} s old"
    for refused, why in snapshots.refused.items():
        yield f"bundle {refused}", f"published and refused, the one before goes on: {_without_password(why)}"
    if snapshots.champion is not None:
        for placement, why in snapshots.champion.degraded.items():
            yield f"placement {placement}", why


def _model_version(parts: Parts) -> str | None:
    champion = parts.snapshots.champion
    return None if champion is None else champion.snapshot.version


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _json(members: dict[str, Any]) -> Response:
    return Response(orjson.dumps(members), media_type="application/json", headers=_NOT_KEPT)
