"""A shop's first day, by the command line and HTTP only."""

import re
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.flight import Flight
from tests.end_to_end.floor import Shopper
from tests.end_to_end.journey import PACKAGE, write_files
from tests.processes import KEY, PATIENCE_SECONDS, Served, asking, endcap, until
from tests.valkeys import Valkey

Run = Callable[..., str]
"""Run a command that must go well, and return what it says."""


@pytest.mark.skipif(find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed")
def test_a_shop_from_its_files_to_the_end_of_the_service(
    postgresql_url: str,
    valkey: Valkey,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    settings = {
        "ENDCAP_HOME": str(tmp_path / "home"),
        "ENDCAP_DATABASE_URL": postgresql_url,
        "ENDCAP_REDIS_URL": valkey.url,
        "ENDCAP_WORKERS": "2",
        "ENDCAP_API_KEY": KEY,
    }

    def run(*words: object) -> str:
        ran = endcap(*words, **settings)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    household = write_files(tmp_path)
    first = learns(run, tmp_path)
    served = Served(settings, tmp_path / "log")
    request.addfinalizer(served.close)
    served.start()
    assert {told["model_version"] for told in served.get_each("/version")} == {first}
    answers_only_with_the_key(served)
    waited = an_event_changes_the_next_answer_of_each_worker(served, household)
    record_testsuite_property("event_to_changed_answer_ms", round(1_000 * waited, 1))
    figures_of_the_workers_add_up(served)
    with asking(served, f"/v1/users/{household}/recommendations", "/v1/trending?n=5") as statuses:
        second = a_bundle_is_published(served, run, tmp_path)
        served.post("/v1/events", {"events": [Shopper(served, household).purchase("1082185")]})
        run("models", "rollback", "--reason", "the story wants it")
        serves(served, first)
    assert set(statuses) == {200}, statuses
    assert statuses[200] > 20
    a_bundle_that_was_tampered_with_is_refused(served, tmp_path / "home" / "bundles", first, second)
    ends_when_all_are_answered(served, household)


def learns(run: Run, folder: Path) -> str:
    run("db", "upgrade")
    assert re.search(r"items +│ 9,\d{3} +│ 0 +│ 0 +│ 0 ", run("import", "items", folder / "items.csv"))
    assert re.search(r"events +│ 2\d,\d{3} +│ 0 +│ 0 +│ 0 ", run("import", "events", folder / "events.csv"))
    assert "0 FAIL" in run("check")
    return published(run("train", "--config", folder / "training.toml"))


def published(said: str) -> str:
    found = re.search(r"published (\S+);", said)
    assert found, said
    return found[1]


def answers_only_with_the_key(served: Served) -> None:
    with served.client(authorization="Bearer another-key-0123456789") as stranger:
        assert stranger.get("/livez").status_code == 200
        for path in ("/readyz", "/metrics", "/v1/trending", "/docs", "/v1/nothing"):
            reply = stranger.get(path)
            assert reply.status_code == 401, path
            assert reply.headers["content-type"] == "application/problem+json"


def an_event_changes_the_next_answer_of_each_worker(served: Served, household: str) -> float:
    """Return how long it took from the reply to the event to the first changed answer, in seconds."""
    shopper = Shopper(served, household)
    assert served.get(f"/v1/users/{household}/recommendations")["fallback"] is None
    # Each worker has the answer in its memory, if it has one.
    before = served.get_each(shopper.path)
    assert before[0]["items"] == before[1]["items"]
    assert before[0]["recommendation_id"] != before[1]["recommendation_id"]
    bought = shopper.buys("first")
    began = time.perf_counter()
    shopper.is_told(bought)
    waited = time.perf_counter() - began
    shopper.everybody_knows_of(bought)
    again = served.post("/v1/events", {"events": [shopper.purchase(bought, "first")]})
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    return waited


def figures_of_the_workers_add_up(served: Served) -> None:
    sample = 'endcap_request_seconds_count{method="GET",route="/v1/popular",status="200"}'

    def n_counted() -> list[float]:
        told = [reply.text for reply in served.ask_each("/metrics").values()]
        return [sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(sample)) for text in told]

    assert n_counted() == [0, 0]
    n = 0
    for _ in range(3):
        n += asked_of_each(served, "/v1/popular")
    assert n_counted() == [n, n]


def asked_of_each(served: Served, path: str) -> int:
    """Ask until each worker has answered; return how many replies that took."""
    workers, n = set(served.workers()), 0
    while workers:
        with served.client() as client:
            workers.discard(served.worker_of(client.get(path)) or 0)
        n += 1
    return n


def a_bundle_is_published(served: Served, run: Run, folder: Path) -> str:
    version = published(run("train", "--config", folder / "training.toml"))
    serves(served, version)
    return version


def serves(served: Served, version: str) -> None:
    def all_do() -> bool | None:
        return {told["model_version"] for told in served.get_each("/version")} == {version} or None

    until(all_do, f"{version} serves")


def a_bundle_that_was_tampered_with_is_refused(served: Served, bundles: Path, good: str, bad: str) -> None:
    """The champion's file names it although somebody changed a byte of it: as after a broken copy."""
    largest = max((path for path in (bundles / bad).rglob("*.npy")), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[-1] ^= 1
    largest.write_bytes(content)
    pointer = bundles / "champion.json"
    right = pointer.read_text()
    # The command line would not do it.
    refused = endcap("models", "promote", bad, ENDCAP_HOME=str(bundles.parent))
    assert refused.returncode == 1, refused.stdout
    assert pointer.read_text() == right
    pointer.write_text(right.replace(good, "?").replace(bad, good).replace("?", bad))
    served.wait_until("degraded")
    for told in served.get_each("/readyz"):
        assert told["model_version"] == good
        assert largest.name in told["degraded"][f"bundle {bad}"]
    assert served.get("/v1/trending")["model_version"] == good
    assert any(line["event"] == "bundle_refused" and line["model_version"] == bad for line in served.lines())
    pointer.write_text(right)
    served.wait_until("ready")


def ends_when_all_are_answered(served: Served, household: str) -> None:
    """SIGTERM comes when half of each request is there; the other half is read, and answered."""
    assert served.process is not None
    ours = served.process.children(recursive=True)
    event = Shopper(served, household).purchase("1082185", "last")
    flights = [Flight(served, "/v1/recommendations", {"user_id": household}) for _ in range(6)]
    flights += [Flight(served, "/v1/events", {"events": [event]})]
    served.process.terminate()
    served.says("Shutting down", served.n_workers)
    assert [flight.ends() for flight in flights] == [200] * 6 + [202]
    assert served.stop() == 0
    assert psutil.wait_procs(ours, PATIENCE_SECONDS)[1] == []
