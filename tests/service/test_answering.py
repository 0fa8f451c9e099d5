"""Kept answers: sent while they hold, made anew when they do not, and made once for all who ask at the same time."""

import asyncio
from time import time_ns
from typing import Any

import pytest

from cli.settings import Settings
from models.history import History
from models.snapshot import Snapshot
from service import answering
from service.answering import ANSWER_SECONDS
from service.histories import Histories
from tests.services import Service, tell

GARDENER = "/v1/users/garden-3/recommendations"


async def outcomes(service: Service) -> dict[str, float]:
    """How often the cache had what."""
    text = (await service.client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("endcap_cache_lookups_total{")]
    return {line.partition('outcome="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


async def outcome_of(service: Service, path: str) -> str:
    """What the cache had for one question."""
    before = await outcomes(service)
    await service.get(path)
    after = await outcomes(service)
    (name,) = [name for name in after if after[name] > before.get(name, 0)]
    return name


class Clock:
    """Time as the service sees it, which a story can let pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_seconds = 0.0
        monkeypatch.setattr("service.answering.time_ns", lambda: time_ns() + round(self.ahead_seconds * 1e9))


@pytest.mark.parametrize("path", [GARDENER, "/v1/items/garden-1/similar", "/v1/popular"])
def test_an_answer_is_kept_for_a_minute(settings: Settings, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    clock = Clock(monkeypatch)

    async def story(service: Service) -> None:
        assert await outcome_of(service, path) == "miss"
        clock.ahead_seconds = ANSWER_SECONDS - 10
        assert await outcome_of(service, path) == "hit"
        clock.ahead_seconds = ANSWER_SECONDS + 1
        assert await outcome_of(service, path) == "stale"
        assert await outcome_of(service, path) == "hit"
        clock.ahead_seconds = -3600
        assert await outcome_of(service, path) == "stale", "an answer from the future is none"

    tell(settings, story)


@pytest.mark.parametrize(
    "change", ["n=3", "exclude=garden-2", "category=garden", "session_item_id=garden-1", "placement=cart"]
)
def test_another_question_has_another_answer(settings: Settings, change: str) -> None:
    async def story(service: Service) -> None:
        await service.get(GARDENER)
        assert await outcome_of(service, f"{GARDENER}?{change}") == "miss"

    tell(settings, story)


def test_of_several_placements_only_the_missing_ones_are_made(settings: Settings) -> None:
    async def story(service: Service) -> None:
        body: dict[str, Any] = {"user_id": "garden-3", "placements": [{"placement": "home"}, {"placement": "cart"}]}
        await service.get(GARDENER)
        before = await outcomes(service)
        await service.post("/v1/recommendations", body)
        after = await outcomes(service)
        assert (after["hit"] - before["hit"], after["miss"] - before["miss"]) == (1, 1)
        twice = {**body, "placements": [{"placement": "new-for-you"}] * 2}
        first, second = (await service.post("/v1/recommendations", twice))["recommendations"]
        assert first.pop("recommendation_id") != second.pop("recommendation_id")
        assert first == second

    tell(settings, story)


def test_a_history_is_read_once_for_all_who_wait_for_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    read = Histories._read

    def counted(self: Histories, shopper: str, snapshot: Snapshot) -> History:
        nonlocal reads
        reads += 1
        return read(self, shopper, snapshot)

    monkeypatch.setattr(Histories, "_read", counted)

    async def story(service: Service) -> None:
        replies = await asyncio.gather(*[service.get(GARDENER) for _ in range(10)])
        assert reads == 1
        assert len({reply["recommendation_id"] for reply in replies}) == 10
        assert len({str(reply["items"]) for reply in replies}) == 1

    tell(settings, story)


def test_shared_answers_are_bounded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_SHARED_ANSWERS", 3)

    async def story(service: Service) -> None:
        for number in range(1, 8):
            await service.get(f"/v1/popular?n={number}")
        assert len(service.parts.answering._shared) == 3
        assert await outcome_of(service, "/v1/popular?n=7") == "hit"
        assert await outcome_of(service, "/v1/popular?n=1") == "miss"

    tell(settings, story)
