"""What `endcap serve` refuses to start with, and what it waits for."""

import socket
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from store.opening import open_database
from tests.end_to_end.floor import Alone
from tests.processes import endcap, free_port
from tests.shops import corner_shop, stock
from tests.worlds import NOW

RECIPE = """
min_shoppers = 2
horizon_days = 14
[sources]
item_knn = {}
buy_again = {}
popular = {}
"""


def refuses(home: Path, *words: object, **settings: str) -> str:
    """Return the one line with which `endcap serve` ends."""
    ran = endcap("serve", *words, **{"ENDCAP_HOME": str(home), **settings})
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    return line


def refuses_here(home: Path, *words: str, **settings: str) -> str:
    """The same without a process of its own, for what is refused before anything is opened."""
    ran = CliRunner().invoke(app, ["serve", *words], env={"ENDCAP_HOME": str(home), **settings})
    assert (ran.exit_code, ran.stdout) == (1, "")
    return ran.stderr


def test_two_workers_need_what_they_share(tmp_path: Path) -> None:
    line = refuses_here(tmp_path, "--workers", "2")
    assert "ENDCAP_REDIS_URL" in line
    assert "ENDCAP_DATABASE_URL" in line
    line = refuses_here(tmp_path, ENDCAP_WORKERS="2", ENDCAP_REDIS_URL="redis://127.0.0.1:1/0")
    assert "ENDCAP_REDIS_URL" not in line
    assert "ENDCAP_DATABASE_URL" in line


def test_an_address_that_others_reach_needs_a_key(tmp_path: Path) -> None:
    assert "ENDCAP_API_KEY" in refuses_here(tmp_path, "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert "ENDCAP_API_KEY" in refuses_here(tmp_path, "--host", "0.0.0.0", ENDCAP_API_KEY="short")  # noqa: S104


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert str(port) in refuses(home, "--port", port)


def test_a_second_service_of_one_home_is_refused_and_the_first_goes_on(alone: Alone) -> None:
    first = alone().start()
    line = refuses(Path(first.settings["ENDCAP_HOME"]), "--port", free_port())
    assert "another service" in line
    assert first.get("/v1/popular")["items"]


def test_a_service_without_a_bundle_waits_and_answers_once_one_is_published(tmp_path: Path, alone: Alone) -> None:
    home = tmp_path / "untaught"
    home.mkdir()
    database = open_database(f"sqlite:///{home / 'endcap.sqlite3'}")
    stock(database, corner_shop(), later=datetime.now(UTC) - NOW)
    database.close()
    served = alone(ENDCAP_HOME=str(home))
    served.start_only()
    served.wait_until("waiting")
    told = served.ask("/readyz")
    assert told.status_code == 503
    assert "endcap train" in told.json()["waiting_for"][0]
    for path in ("/v1/popular", "/v1/users/garden-1/recommendations"):
        reply = served.ask(path)
        assert (reply.status_code, reply.headers["content-type"]) == (503, "application/problem+json")
        assert int(reply.headers["retry-after"]) >= 1
    event = {"event_type": "purchase", "user_id": "early", "item_id": "garden-1"}
    assert served.post("/v1/events", {"events": [event]})["accepted"] == 1
    (tmp_path / "training.toml").write_text(RECIPE)
    trained = endcap("train", "--config", tmp_path / "training.toml", ENDCAP_HOME=str(home))
    assert trained.returncode == 0, trained.stderr
    served.wait_until("ready")
    items = served.get("/v1/users/early/recommendations?placement=new-for-you")["items"]
    assert items
    assert "garden-1" not in {item["item_id"] for item in items}
