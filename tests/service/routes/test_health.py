"""The service says how it is, to who is paged at night and to what restarts it."""

import shutil
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.settings import Settings
from service.routes.health import Health, health_of, readings
from store.schema import REVISIONS
from tests.services import Service, tell


def parts(**changed: Any) -> Any:  # noqa: ANN401 - stands for Parts
    """What health looks at of a service in which all is well, but for what is changed."""
    well: dict[str, Any] = {
        "version": "v1",
        "refused": {},
        "placements": {},
        "waiting_for": None,
        "catalogue_age_seconds": 3.0,
        "cache": "connected",
        "database": "ok",
        "problem": None,
    }
    now = well | changed
    serving = SimpleNamespace(snapshot=SimpleNamespace(version=now["version"]), degraded=now["placements"])
    return SimpleNamespace(
        snapshots=SimpleNamespace(
            champion=None if now["version"] is None else serving,
            refused=now["refused"],
            waiting_for=now["waiting_for"],
            catalogue_age_seconds=now["catalogue_age_seconds"],
            catalogue_refresh_seconds=10.0,
            model_age_seconds=60.0,
        ),
        cache=SimpleNamespace(state=now["cache"], why_away="TimeoutError"),
        database_state=lambda: now["database"],
        writer=SimpleNamespace(problem=now["problem"]),
    )


def test_when_all_is_well_it_is_ready() -> None:
    assert health_of(parts()) == Health([], {})
    assert health_of(parts()).status == "ready"
    assert health_of(parts(cache="in_process")).status == "ready"


@pytest.mark.parametrize(
    ("changed", "named", "words"),
    [
        ({"database": "away"}, "database", "without a history"),
        ({"cache": "away"}, "redis", "away (TimeoutError): every answer is computed, from the database"),
        ({"catalogue_age_seconds": 61.0}, "catalogue", "61 s old"),
        ({"problem": "has no room left on its disk"}, "events", "no room"),
        ({"refused": {"v2": "items.npy has another sha256"}}, "bundle v2", "items.npy"),
        ({"placements": {"home": "needs als"}}, "placement home", "needs als"),
    ],
)
def test_what_is_amiss_is_named_and_answers_go_on(changed: dict[str, Any], named: str, words: str) -> None:
    health = health_of(parts(**changed))
    assert health.status == "degraded"
    assert list(health.degraded) == [named]
    assert words in health.degraded[named]
    assert readings(parts(**changed)).ready


def test_without_a_bundle_it_waits_and_says_for_what() -> None:
    health = health_of(parts(version=None, waiting_for="a published bundle", catalogue_age_seconds=None))
    assert (health.status, health.waiting_for) == ("waiting", ["a published bundle"])
    assert not readings(parts(version=None, catalogue_age_seconds=None)).ready


def test_no_password_is_told() -> None:
    reason = "the database postgresql+psycopg://shop:pa55@db.inside/shop is not answering"
    told = health_of(parts(version=None, waiting_for=reason, problem=reason, refused={"v2": reason}))
    assert "pa55" not in repr(told)
    assert "//db.inside/shop" in told.waiting_for[0]


@pytest.mark.parametrize(
    ("changed", "redis_up", "database_up"),
    [
        ({}, True, True),
        ({"cache": "in_process"}, True, True),
        ({"cache": "away"}, False, True),
        ({"database": "away"}, True, False),
        ({"problem": "is full"}, True, False),
    ],
)
def test_the_gauges_say_what_is_away(changed: dict[str, Any], *, redis_up: bool, database_up: bool) -> None:
    told = readings(parts(**changed))
    assert (told.redis_up, told.database_up) == (redis_up, database_up)


def test_a_service_with_a_bundle_is_ready_and_says_its_versions(settings: Settings) -> None:
    async def story(service: Service) -> None:
        assert (await service.get("/livez")) == {"status": "alive"}
        ready = await service.get("/readyz")
        assert (ready["status"], ready["waiting_for"], ready["degraded"]) == ("ready", [], {})
        versions = await service.get("/version")
        assert versions == {
            "endcap": version("endcap"),
            "model_version": ready["model_version"],
            "schema": REVISIONS[-1],
        }
        assert ready["model_version"] is not None

    tell(settings, story)


def test_a_service_without_a_bundle_is_alive_and_not_ready(settings: Settings) -> None:
    shutil.rmtree(settings.home / "bundles")

    async def story(service: Service) -> None:
        assert (await service.get("/livez")) == {"status": "alive"}
        reply = await service.client.get("/readyz")
        assert reply.status_code == 503
        assert reply.headers["retry-after"]
        assert reply.json()["status"] == "waiting"
        assert "endcap train" in reply.json()["waiting_for"][0]
        assert (await service.get("/version"))["model_version"] is None

    tell(settings, story)


def test_the_figures_of_a_service_are_in_prometheus_own_format(settings: Settings) -> None:
    async def story(service: Service) -> None:
        await service.get("/v1/popular")
        await service.client.get("/v1/users/1029/nothing")
        reply = await service.client.get("/metrics")
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "1029" not in reply.text
        families = {family.name: family for family in text_string_to_metric_families(reply.text)}
        routes = {each.labels["route"] for each in families["endcap_request_seconds"].samples}
        assert {"/v1/popular", "unmatched"} <= routes
        assert families["endcap_ready"].samples[0].value == 1
        (model,) = families["endcap_model_workers"].samples
        assert model.labels["model_version"] == (await service.get("/version"))["model_version"]

    tell(settings, story)
