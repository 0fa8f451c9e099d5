"""What is counted, and that several workers are counted together."""

import asyncio
import json
import math
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.metrics import Metrics, Readings

# One worker: it counts, says its gauges, tells how it is done, and then obeys a line at a time.
WORKER = """
import json, sys
from service.metrics import Metrics, Readings
metrics, me = Metrics(), json.loads(sys.argv[1])
for _ in range(me["requests"]):
    metrics.request("/v1/popular", "GET", 200, me["seconds"])
    metrics.cache("hit")
metrics.watch(lambda: Readings(
    ready=me["ready"], model_version=me["model"], model_age_seconds=me["age"], catalogue_age_seconds=1.0,
    redis_up=True, database_up=me["ready"], bundles_refused=0))
print("counted", flush=True)
for line in sys.stdin:
    print(json.dumps(metrics.render().decode()), flush=True)
"""


def sample(text: str | bytes, name: str, **labels: str) -> float | None:
    """Return the value of one line of Prometheus' text, None when it is not there."""
    told = text.decode() if isinstance(text, bytes) else text
    for family in text_string_to_metric_families(told):
        for each in family.samples:
            if each.name == name and each.labels == labels:
                return float(each.value)
    return None


def readings(
    *, model_version: str | None = "v1", model_age_seconds: float | None = 60.0, bundles_refused: int = 0
) -> Readings:
    return Readings(
        ready=True,
        model_version=model_version,
        model_age_seconds=model_age_seconds,
        catalogue_age_seconds=2.0,
        redis_up=False,
        database_up=True,
        bundles_refused=bundles_refused,
    )


def test_every_name_begins_with_endcap_and_is_explained() -> None:
    metrics = Metrics()
    metrics.watch(readings)
    families = list(text_string_to_metric_families(metrics.render().decode()))
    assert len(families) > 12
    assert [family.name for family in families if not family.name.startswith("endcap_")] == []
    assert [family.name for family in families if not family.documentation] == []


def test_the_page_for_operators_explains_every_metric_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    metrics = Metrics()
    metrics.watch(readings)
    told = set(re.findall(r"^\| `(endcap_\w+)`", page, re.MULTILINE))
    there = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(metrics.render().decode())
    }
    assert told == there


def test_what_a_request_does_is_counted() -> None:
    metrics = Metrics()
    metrics.request("/v1/users/{user_id}/recommendations", "GET", 200, 0.004)
    metrics.stage("rank", 0.0003)
    metrics.source_empty("als")
    metrics.cache("stale")
    metrics.fallback("trending_and_popular")
    metrics.events("accepted", 3)
    metrics.exposures_dropped(2)
    text = metrics.render()
    route = {"route": "/v1/users/{user_id}/recommendations", "method": "GET", "status": "200"}
    assert sample(text, "endcap_request_seconds_count", **route) == 1
    assert sample(text, "endcap_request_seconds_sum", **route) == pytest.approx(0.004)
    assert sample(text, "endcap_request_seconds_bucket", **route, le="0.003") == 0
    assert sample(text, "endcap_request_seconds_bucket", **route, le="0.005") == 1
    assert sample(text, "endcap_stage_seconds_bucket", stage="rank", le="0.0005") == 1
    assert sample(text, "endcap_source_empty_total", source="als") == 1
    assert sample(text, "endcap_cache_lookups_total", outcome="stale") == 1
    assert sample(text, "endcap_fallbacks_total", kind="trending_and_popular") == 1
    assert sample(text, "endcap_events_total", status="accepted") == 3
    assert sample(text, "endcap_exposures_dropped_total") == 2


def test_what_an_alert_watches_is_zero_before_it_first_happens() -> None:
    text = Metrics().render()
    assert sample(text, "endcap_exposures_dropped_total") == 0
    assert sample(text, "endcap_cache_lookups_total", outcome="away") == 0
    assert sample(text, "endcap_events_total", status="rejected") == 0


def test_methods_that_nobody_knows_share_one_series() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.request("unmatched", f"METHOD{number}", 405, 0.001)
    assert (
        sample(metrics.render(), "endcap_request_seconds_count", route="unmatched", method="other", status="405") == 100
    )


def test_two_applications_in_a_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.cache("hit")
    assert sample(other.render(), "endcap_cache_lookups_total", outcome="hit") == 0


def test_a_new_model_takes_the_workers_of_the_old_one() -> None:
    now = readings()
    metrics = Metrics()
    metrics.watch(lambda: now)
    assert sample(metrics.render(), "endcap_model_workers", model_version="v1") == 1
    now = readings(model_version="v2", model_age_seconds=5.0, bundles_refused=1)
    metrics.refresh()
    text = metrics.render()
    assert sample(text, "endcap_model_workers", model_version="v1") == 0
    assert sample(text, "endcap_model_workers", model_version="v2") == 1
    assert sample(text, "endcap_model_age_seconds") == 5
    assert sample(text, "endcap_bundles_refused") == 1
    assert sample(text, "endcap_redis_up") == 0
    assert sample(text, "endcap_database_up") == 1


def test_without_a_model_its_age_is_infinite_so_that_an_alert_on_age_fires() -> None:
    metrics = Metrics()
    metrics.watch(lambda: readings(model_version=None, model_age_seconds=None))
    assert sample(metrics.render(), "endcap_model_age_seconds") == math.inf


def test_one_process_alone_starts_no_task() -> None:
    async def run() -> int:
        metrics = Metrics()
        await metrics.start()
        n_tasks = len(asyncio.all_tasks())
        await metrics.close()
        return n_tasks

    assert asyncio.run(run()) == 1


class Worker:
    """A real process that shares a folder with others."""

    def __init__(self, folder: Path, **counts: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, json.dumps(counts)],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "counted\n"

    def metrics(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return str(json.loads(self._line()))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path


def test_two_workers_are_counted_together_and_the_worst_gauge_counts(shared: Path) -> None:
    route = {"route": "/v1/popular", "method": "GET", "status": "200"}
    one = Worker(shared, requests=3, seconds=0.25, ready=True, model="v1", age=100.0)
    other = Worker(shared, requests=4, seconds=0.5, ready=False, model="v2", age=50.0)
    try:
        for text in (one.metrics(), other.metrics()):
            assert sample(text, "endcap_request_seconds_count", **route) == 7
            assert sample(text, "endcap_request_seconds_sum", **route) == pytest.approx(2.75)
            assert sample(text, "endcap_request_seconds_bucket", **route, le="0.2") == 0
            assert sample(text, "endcap_request_seconds_bucket", **route, le="0.5") == 7
            assert sample(text, "endcap_cache_lookups_total", outcome="hit") == 7
            assert sample(text, "endcap_ready") == 0
            assert sample(text, "endcap_database_up") == 0
            assert sample(text, "endcap_redis_up") == 1
            assert sample(text, "endcap_model_age_seconds") == 100
            assert sample(text, "endcap_model_workers", model_version="v1") == 1
            assert sample(text, "endcap_model_workers", model_version="v2") == 1
    finally:
        one.kill()
        other.kill()


def test_a_dead_worker_keeps_its_counts_and_loses_its_gauges(shared: Path) -> None:
    route = {"route": "/v1/popular", "method": "GET", "status": "200"}
    dead = Worker(shared, requests=3, seconds=0.1, ready=False, model="old", age=9_000.0)
    dead.kill()
    alive = Worker(shared, requests=4, seconds=0.1, ready=True, model="new", age=5.0)
    try:
        text = alive.metrics()
    finally:
        alive.kill()
    assert sample(text, "endcap_request_seconds_count", **route) == 7
    assert sample(text, "endcap_ready") == 1
    assert sample(text, "endcap_model_age_seconds") == 5
    assert sample(text, "endcap_model_workers", model_version="old") is None
    assert sample(text, "endcap_build_info", version=version("endcap")) == 1
