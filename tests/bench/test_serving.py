import json
import shutil
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from bench import serving, wrk
from bench.open_loop import ask_steadily
from bench.questions import EMPTY, Questions
from bench.served_shop import HISTORIES, ServedShop, make_up
from bench.servers import started
from bench.stages import Spent
from service.requests import ItemQuery, PersonalQuery
from store.bundles.published import PublishedBundles
from store.opening import open_database
from store.shoppers import history_of

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk drives this: apt-get install wrk")


@pytest.fixture(scope="module")
def shop() -> ServedShop:
    return make_up(n_items=1_500, n_shoppers=HISTORIES + 20)


class _Answering(socketserver.StreamRequestHandler):
    """Answers GET requests, one after the other over all connections."""

    asked: ClassVar[list[str]]
    head: ClassVar[bytes]
    first_seconds: ClassVar[float]
    lock: ClassVar[threading.Lock]

    def handle(self) -> None:
        with suppress(ConnectionError):
            while request := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                with self.lock:
                    self.asked.append(request.split()[1].decode())
                    if len(self.asked) == 1:
                        time.sleep(self.first_seconds)
                self.wfile.write(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\n{}" % self.head)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def answering(head: bytes = b"200 OK", *, first_seconds: float = 0) -> Iterator[tuple[int, list[str]]]:
    """A server whose first answer takes a while; gives its port and the paths that were asked for."""
    asked: list[str] = []
    members = {"asked": asked, "head": head, "first_seconds": first_seconds, "lock": threading.Lock()}
    handler = type("Handler", (_Answering,), members)
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def test_every_question_has_seven_parameters_that_the_service_takes(shop: ServedShop) -> None:
    for case in Questions(shop).cases(n_runs=2):
        for path in (*case.paths(10), *case.warm(10)):
            if case.name == EMPTY:
                continue
            found = parse_qsl(urlsplit(path).query)
            assert len(found) == 7
            model = ItemQuery if "/similar" in path else PersonalQuery
            several: dict[str, list[str]] = {}
            for name, value in found:
                several.setdefault(name, []).append(value)
            model.model_validate(
                {name: values if name in model.repeated else values[0] for name, values in several.items()}
            )


def test_what_is_computed_was_asked_by_nobody_before(shop: ServedShop) -> None:
    cases = [case for case in Questions(shop).cases(n_runs=2) if case.server != EMPTY]
    kept = {path for case in cases if not case.once for path in case.paths(case.most)}
    computed = [path for _ in range(2) for case in cases if case.once for path in case.paths(min(case.most, 3_000))]
    assert len({*computed}) == len(computed)
    assert kept.isdisjoint(computed)
    assert len(kept) == 2 * HISTORIES


def test_a_stranger_asks_once_in_all_runs(shop: ServedShop) -> None:
    case = next(case for case in Questions(shop).cases(n_runs=2) if "SQL" in case.name)
    shoppers = [path.split("/")[3] for _ in range(2) for path in case.paths(case.most)]
    assert shoppers == [f"s{number}" for number in range(HISTORIES, HISTORIES + 20)]


def test_the_shop_is_found_as_it_was_made_up(shop: ServedShop, tmp_path: Path) -> None:
    shop.publish(tmp_path / "bundles")
    bundle = PublishedBundles(tmp_path / "bundles").champion()
    database = open_database(f"sqlite:///{tmp_path / 'endcap.sqlite3'}")
    shop.store(database)
    with database.reading() as connection:
        found = history_of(connection, f"u:s{HISTORIES + 3}", bundle.snapshot.memory, bundle.snapshot.data_until_us)
    database.close()
    assert set(bundle.snapshot.sources) == set(shop.learned.snapshot.sources)
    assert found.past.item_ids == shop.histories[3].past.item_ids
    assert found.recent.item_ids == shop.histories[3].recent.item_ids
    assert (len(found.past.item_ids), len(found.recent.item_ids)) == (300, 30)


def test_who_had_to_wait_for_another_is_timed_from_when_the_question_was_due() -> None:
    with answering(first_seconds=0.5) as (port, asked):
        waits = ask_steadily(port, ["/a", "/b"], per_second=100, seconds=0.4)
    assert len(asked) == len(waits.latency_us) == 40
    # A client that waits for its answer would have seen one slow one.
    assert (waits.latency_us > 100_000).sum() == 40
    assert (waits.latency_us >= waits.lateness_us).all()


def test_what_is_no_answer_is_not_measured() -> None:
    with answering(b"503 Away") as (port, _), pytest.raises(SystemExit, match="503"):
        ask_steadily(port, ["/"], per_second=10, seconds=0.1)


def test_without_wrk_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="apt-get install wrk"):
        wrk.find_wrk()


@needs_wrk
def test_what_may_be_asked_once_is_not_asked_again() -> None:
    paths = [f"/{number}" for number in range(100)]
    with answering() as (port, asked):
        driven = wrk.drive(port, paths, seconds=2, once=True)
    # The connections that wait when the questions end go round once more.
    assert 100 - wrk.CONNECTIONS <= driven.replies <= len(asked) <= 100 + 2 * wrk.CONNECTIONS
    assert 0 < driven.seconds < 2
    assert set(asked) <= set(paths)


@needs_wrk
def test_the_most_of_a_server_that_refuses_is_no_figure() -> None:
    with answering(b"429 Slow down") as (port, _), pytest.raises(SystemExit, match="were no 200"):
        wrk.drive(port, ["/"], seconds=1, once=False)


def test_a_server_that_does_not_start_says_why() -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('no room')")
    with pytest.raises(SystemExit, match=r"does not get ready:\nno room"), started(command, "/", {0}, {}):
        pass


def test_stages_are_of_the_requests_between_two_readings() -> None:
    spent = Spent()
    before = {"request sum": 1.0, "request count": 10, "rank sum": 0.5, "rank count": 5, "hit": 5, "lookup": 10}
    after = {"request sum": 1.4, "request count": 14, "rank sum": 0.7, "rank count": 6, "hit": 8, "lookup": 14}
    spent.add(before, after)
    assert spent.mean_us() == pytest.approx({"rank": 0.2e6 / 4, "request": 0.4e6 / 4})
    assert spent.hits == pytest.approx(0.75)


@pytest.mark.slow
@needs_wrk
def test_everything_is_measured_over_real_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    assert serving.main(["--quick", "--items", "1500", "--shoppers", "1000", "--json", str(path)]) == 0
    told = json.loads(path.read_text())
    cases = {case["name"].strip(): case for case in told["cases"]}
    assert cases[EMPTY]["ratio"] == 1
    for name, case in cases.items():
        assert case["ratio_low"] <= case["ratio"] <= case["ratio_high"]
        assert 0 < case["median_us"] <= case["p99_us"]
        if name != EMPTY:
            assert {"parse", "request"} <= set(case["stages_us"])
        if name == "personal, kept":
            assert case["kept"] > 0.9
        if "computed" in name or "history" in name:
            assert case["kept"] < 0.1
            assert {"context", "rules", "reply"} <= set(case["stages_us"])
        if name in {"session went on", "history in SQL"}:
            assert {"candidates", "rank"} <= set(case["stages_us"]), "nothing was ranked ahead of these"
    assert told["change_ms"]["since accepted"]["p50"] > 0
    assert told["start_seconds"]["first"] > 0
    assert all(mib["private"] > 0 for mib in told["memory_mib"].values())
    said = capsys.readouterr().out
    assert "wanted under 50" in said
    assert "p99/median" in said
