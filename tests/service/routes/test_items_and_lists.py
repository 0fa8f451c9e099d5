"""What goes with an item, and what everybody may see."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest

from cli.settings import Settings
from store.database import Database
from store.items import ITEM_COLUMNS, upsert_items
from store.opening import open_database
from tests.services import Service, tell


def ids(reply: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in reply["items"]]


def kinds(item_ids: Sequence[str]) -> set[str]:
    return {item_id.partition("-")[0] for item_id in item_ids}


def put(database: Database, **values: Any) -> None:  # noqa: ANN401 - the columns of an item
    row = {"in_stock": True, "recommendable": True, **values}
    with database.writing() as connection:
        upsert_items(
            connection,
            [tuple(row.get(name) for name in ITEM_COLUMNS)],
            now_us=round(datetime.now(UTC).timestamp() * 1e6),
        )


@pytest.mark.parametrize("what", ["similar", "bought-together"])
def test_what_goes_with_an_item_is_of_its_kind_and_not_the_item(settings: Settings, what: str) -> None:
    async def story(service: Service) -> None:
        reply = await service.get(f"/v1/items/garden-3/{what}", n=4)
        assert kinds(ids(reply)) == {"garden"}
        assert "garden-3" not in ids(reply)
        assert reply["items"][0]["reason"]["because_of"] == ["garden-3"]
        twin = await service.post(f"/v1/items/{what}", {"item_ids": ["garden-3"], "n": 4})
        assert ids(twin) == ids(reply)
        assert twin["recommendation_id"] != reply["recommendation_id"]

    tell(settings, story)


@pytest.mark.parametrize("what", ["similar", "bought-together"])
def test_an_item_that_nobody_knows_is_not_found(settings: Settings, what: str) -> None:
    async def story(service: Service) -> None:
        for reply in (
            await service.client.get(f"/v1/items/nowhere/{what}"),
            await service.client.post(f"/v1/items/{what}", json={"item_ids": ["nowhere"]}),
        ):
            assert reply.status_code == 404
            assert reply.headers["content-type"] == "application/problem+json"
        known = await service.post(f"/v1/items/{what}", {"item_ids": ["nowhere", "garden-1"]})
        assert known["unknown_item_ids"] == ["nowhere"]
        assert known["items"]

    tell(settings, story)


def test_an_item_that_the_bundle_does_not_know_has_similar_ones_by_content(settings: Settings) -> None:
    database = open_database(settings.database_url)
    put(database, item_id="spade", title="garden [b]99", category='["garden"]')
    database.close()

    async def story(service: Service) -> None:
        reply = await service.get("/v1/items/spade/similar", n=5)
        assert kinds(ids(reply)) == {"garden"}
        assert {item["reason"]["source"] for item in reply["items"]} == {"content"}

    tell(settings, story)


@pytest.mark.parametrize("what", ["trending", "popular"])
def test_everybody_sees_one_list(settings: Settings, what: str) -> None:
    async def story(service: Service) -> None:
        reply = await service.get(f"/v1/{what}", n=6)
        assert len(ids(reply)) == 6
        assert reply["placement"] == what
        inside = await service.get(f"/v1/{what}", category="kitchen", n=6)
        assert kinds(ids(inside)) == {"kitchen"}
        excluded = await service.get(f"/v1/{what}", exclude=ids(reply), n=6)
        assert not set(ids(excluded)) & set(ids(reply))
        windowed = await service.get(f"/v1/{what}", window="28d", n=6)
        assert len(ids(windowed)) == 6

    tell(settings, story)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/trending?window=week", 422),
        ("/v1/popular?window=5000d", 422),
        ("/v1/popular?n=0", 422),
        ("/v1/items/garden-1/similar?n=10000", 422),
        ("/v1/items/garden-1/dissimilar", 404),
        ("/v2/popular", 404),
    ],
)
def test_what_cannot_be_listed_is_a_problem(settings: Settings, path: str, status: int) -> None:
    async def story(service: Service) -> None:
        reply = await service.client.get(path)
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"] == "application/problem+json"

    tell(settings, story)


def test_an_item_that_is_sold_out_leaves_every_answer_within_a_refresh(settings: Settings) -> None:
    quick = settings.model_copy(update={"catalogue_refresh_seconds": 0.05})

    async def story(service: Service) -> None:
        questions = ("/v1/popular", "/v1/items/garden-3/similar", "/v1/users/garden-3/recommendations")
        before = {question: ids(await service.get(question)) for question in questions}
        for question, shown in before.items():
            put(service.parts.database, item_id=shown[0], title="sold out", category='["garden"]', in_stock=False)
            await until_gone(service, question, shown[0])

    tell(quick, story)


async def until_gone(service: Service, question: str, item_id: str) -> None:
    deadline = monotonic() + 10
    while item_id in ids(await service.get(question)):
        assert monotonic() < deadline, f"{item_id} is still shown"
        await asyncio.sleep(0.02)
