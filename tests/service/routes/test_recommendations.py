"""What a shopper is shown, and that it changes when the shopper acts."""

from typing import Any

import pytest

from cli.settings import Settings
from tests.services import Service, tell

GARDENER = "garden-3"


def ids(reply: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in reply["items"]]


def share(reply: dict[str, Any], community: str) -> float:
    return sum(item_id.startswith(community) for item_id in ids(reply)) / len(ids(reply))


def path(user_id: str) -> str:
    return f"/v1/users/{user_id}/recommendations"


def test_a_known_shopper_gets_a_list_with_reasons(settings: Settings) -> None:
    async def story(service: Service) -> None:
        reply = await service.get(path(GARDENER), placement="home", n=5)
        assert reply["recommendation_id"].startswith("rec_")
        assert (reply["placement"], reply["experiment"], reply["fallback"]) == ("home", None, None)
        assert reply["model_version"] == service.parts.snapshots.champion.snapshot.version  # type: ignore[union-attr]
        assert (reply["history"], reply["unknown_item_ids"]) == (None, [])
        assert [item["position"] for item in reply["items"]] == [1, 2, 3, 4, 5]
        assert share(reply, "garden") == 0.6, "at home three items of a category are the most"
        first = reply["items"][0]
        assert first["title"] == first["item_id"].replace("-", " [b]")
        assert 0 < first["score"] < 1
        assert set(first["reason"]) == {"source", "because_of", "text"}
        assert first["reason"]["because_of"]
        assert first["reason"]["text"]

    tell(settings, story)


def test_an_unknown_shopper_is_told_to_be_one(settings: Settings) -> None:
    async def story(service: Service) -> None:
        for reply in (
            await service.get(path("nobody")),
            await service.post("/v1/recommendations", {}),
            await service.post("/v1/recommendations", {"anonymous_id": "cookie"}),
        ):
            assert reply["fallback"] == "trending_and_popular"
            assert {item["reason"]["source"] for item in reply["items"]} <= {"trending", "popular", "new"}
            assert len(reply["items"]) == 12

    tell(settings, story)


def test_a_purchase_changes_the_next_answer(settings: Settings) -> None:
    async def story(service: Service) -> None:
        before = await service.get(path("newcomer"))
        await service.buys("newcomer", "kitchen-1", "kitchen-2")
        after = await service.get(path("newcomer"))
        assert after["fallback"] is None
        assert ids(after) != ids(before)
        assert after["recommendation_id"] != before["recommendation_id"]
        assert share(after, "kitchen") > share(before, "kitchen")

    tell(settings, story)


def test_the_same_question_has_the_same_answer_under_another_id(settings: Settings) -> None:
    async def story(service: Service) -> None:
        first, second = [await service.get(path(GARDENER)) for _ in range(2)]
        assert first.pop("recommendation_id") != second.pop("recommendation_id")
        assert first == second

    tell(settings, story)


def test_a_visitors_session_counts(settings: Settings) -> None:
    async def story(service: Service) -> None:
        for who in ({}, {"anonymous_id": "cookie"}):
            session = {"session_item_ids": ["kitchen-4", "kitchen-5"], "placement": "product", "n": 5}
            reply = await service.post("/v1/recommendations", {**who, **session})
            assert reply["fallback"] is None
            assert share(reply, "kitchen") == 1
        session = {"session_item_id": ["garden-4", "garden-5", "gone"], "placement": "product", "n": 5}
        reply = await service.get(path("nobody"), **session)
        assert share(reply, "garden") == 1
        assert reply["unknown_item_ids"] == ["gone"]

    tell(settings, story)


def test_several_placements_in_one_call_are_answered_in_order(settings: Settings) -> None:
    async def story(service: Service) -> None:
        placements = [
            {"placement": "new-for-you", "n": 3},
            {"placement": "cart", "item_ids": ["garden-1"], "n": 2},
            {"placement": "home", "exclude": ["garden-1"], "category": "kitchen"},
        ]
        reply = await service.post("/v1/recommendations", {"user_id": GARDENER, "placements": placements})
        found = reply["recommendations"]
        assert [(one["placement"], len(one["items"])) for one in found[:2]] == [("new-for-you", 3), ("cart", 2)]
        assert share(found[2], "kitchen") == 1
        assert len({one["recommendation_id"] for one in found}) == 3
        again = await service.post("/v1/recommendations", {"user_id": GARDENER, "placements": placements})
        assert [ids(one) for one in again["recommendations"]] == [ids(one) for one in found]

    tell(settings, story)


def test_exclusions_and_a_category_are_never_broken(settings: Settings) -> None:
    async def story(service: Service) -> None:
        shown = ids(await service.get(path(GARDENER)))
        rest = await service.get(path(GARDENER), exclude=shown[:6], n=24)
        assert not set(ids(rest)) & set(shown[:6])
        inside = await service.get(path(GARDENER), category="kitchen", n=50)
        assert set(ids(inside)) == {f"kitchen-{number}" for number in range(12)}
        nowhere = await service.get(path(GARDENER), category="no such aisle")
        assert nowhere["items"] == []

    tell(settings, story)


def test_nobody_but_the_shopper_may_keep_the_reply(settings: Settings) -> None:
    async def story(service: Service) -> None:
        reply = await service.client.get(path(GARDENER))
        assert reply.headers["cache-control"] == "private, no-store"
        assert reply.headers["content-type"] == "application/json"

    tell(settings, story)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"placement": "hoem"}, 422, "placement"),
        ({"n": 0}, 422, "n"),
        ({"n": 10_000}, 422, "n"),
        ({"n": "NaN"}, 422, "n"),
        ({"exclude": "x" * 10_000}, 422, "exclude"),
        ({"exclude": "a\x00"}, 422, "exclude"),
        ({"item_id": "no-such-item"}, 404, None),
        ({"unheard": "of"}, 422, "unheard"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_names_the_field(
    settings: Settings, query: dict[str, Any], status: int, field: str | None
) -> None:
    async def story(service: Service) -> None:
        reply = await service.client.get(path(GARDENER), params=query)
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"] == "application/problem+json"
        problem = reply.json()
        assert problem["status"] == status
        assert problem["detail"]
        assert (problem.get("field") or "").split(".")[0] == (field or "")

    tell(settings, story)


@pytest.mark.parametrize("user", ["a%00b", "%0A", "x" * 10_000, "%ED%A0%80", "%ff"])
def test_an_impossible_id_in_a_path_is_refused(settings: Settings, user: str) -> None:
    async def story(service: Service) -> None:
        reply = await service.client.get(path(user))
        assert reply.status_code == 422
        assert reply.json()["field"] == "user_id"

    tell(settings, story)
