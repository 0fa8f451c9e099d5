"""An import commits as it goes, changes nothing the second time, and goes on where it broke off."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import inspect

from models.errors import BusyError, DatabaseError, InputError, StoreError
from store.database import Database
from store.imports import advance_import, begin_import
from store.items import read_items
from store.opening import open_database
from store.users import read_users
from tests.training.importing.shop_files import (
    NOW_US,
    Line,
    event,
    events,
    import_file,
    rejects_of,
    stored_events,
    write_csv,
    write_json_lines,
    write_parquet,
)
from training.importing import files
from training.importing.fields import Reading
from training.importing.files import open_file
from training.importing.run import Job, Outcome, run_import

LARGEST_FILE_PAGES = 45


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH_LINES", 10)


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.accepted, outcome.duplicates, outcome.conflicts, outcome.rejected


def runs(database: Database) -> list[tuple[object, ...]]:
    with database.reading() as connection:
        query = "SELECT state, lines_done, accepted, duplicates, rejected FROM imports ORDER BY import_id"
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_a_second_import_changes_nothing(database: Database, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv", [*events(30), *({**event(), "event_id": ""} for _ in range(3)), event(99, price=-1)]
    )
    first, before = import_file(database, path), stored_events(database)
    second, after = import_file(database, path, now_us=NOW_US + 1), stored_events(database)
    assert counts(first) == (33, 0, 0, 1)
    assert counts(second) == (0, 33, 0, 1)
    assert before == after
    assert len(before) == 33
    assert runs(database) == [("finished", 35, 33, 0, 1), ("finished", 35, 0, 33, 1)]


def test_rejected_lines_are_in_a_file_that_only_its_owner_reads(database: Database, tmp_path: Path) -> None:
    outcome = import_file(database, write_csv(tmp_path / "a.csv", [event(1), event(2, price=-1), event(3, item_id="")]))
    assert rejects_of(outcome) == {3: "price '-1' is negative", 4: "item_id is missing"}
    assert outcome.rejects_path is not None
    assert stat.S_IMODE(outcome.rejects_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(outcome.rejects_path.parent.stat().st_mode) == 0o700
    assert outcome.rejects_path.read_text().count('"event_id": "e2"') == 1


def test_another_event_under_a_used_id_is_a_conflict_with_its_line(database: Database, tmp_path: Path) -> None:
    import_file(database, write_csv(tmp_path / "a.csv", events(3)))
    outcome = import_file(database, write_csv(tmp_path / "b.csv", [event(1), event(2, price=9), event(4)]))
    assert counts(outcome) == (1, 1, 1, 0)
    assert list(rejects_of(outcome)) == [3]
    assert "event_id 'e2' belongs to an event with other content" in rejects_of(outcome)[3]
    assert stored_events(database, ("price",))[1] == (1.5,)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_torn_file_keeps_what_was_read_and_goes_on_once_it_is_mended(
    database: Database, tmp_path: Path, ending: str
) -> None:
    write = write_csv if ending == ".csv" else write_json_lines
    path = write(tmp_path / f"a{ending}", events(35))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"e34") + 3])
    line = 35 if ending == ".csv" else 34
    torn = import_file(database, path)
    assert f"from line {line} on" in str(torn.broken)
    assert counts(torn) == (33, 0, 0, 0)
    assert len(stored_events(database)) == 33

    again = import_file(database, path)
    assert (again.resumed_after, counts(again)) == (line - 1, (0, 0, 0, 0))
    assert f"from line {line} on" in str(again.broken)

    path.write_bytes(whole)
    mended = import_file(database, path)
    assert mended.broken is None
    assert counts(mended) == (2, 33, 0, 0)
    assert [row[0] for row in stored_events(database)] == [f"e{n}" for n in range(1, 36)]


@contextmanager
def killed_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let an import die before it commits the batch after so many."""
    committed = iter(range(batches))

    def advance(*arguments: object, **named: object) -> object:
        if next(committed, None) is None:
            raise KeyboardInterrupt
        return advance_import(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("training.importing.run.advance_import", advance)
        with pytest.raises(KeyboardInterrupt):
            yield


def test_an_import_that_was_killed_goes_on_after_its_last_commit(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [{**event(n % 7), "event_id": ""} for n in range(45)]
    path = write_json_lines(tmp_path / "a.jsonl", [*lines, event(99, price=-1)])
    with killed_after(2, monkeypatch):
        import_file(database, path)
    assert len(stored_events(database)) == 20
    outcome = import_file(database, path)
    assert outcome.resumed_after == 20
    assert counts(outcome) == (25, 0, 0, 1)
    assert counts(import_file(database, path)) == (0, 45, 0, 1)
    assert len({row[0] for row in stored_events(database)}) == 45
    assert runs(database)[0] == ("finished", 46, 45, 0, 1)


def test_a_file_that_is_read_another_way_begins_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "a.csv", [event(n, other=f"o{n}") for n in range(20)])
    with killed_after(1, monkeypatch):
        import_file(database, path)
    outcome = import_file(database, path, reading=Reading({"order_id": "other"}))
    assert outcome.resumed_after == 0
    assert counts(outcome) == (10, 0, 10, 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", ""),
        ("header.csv", "event_id,event_type,user_id,item_id,ts\n"),
        ("other.csv", "a,b\n1,2\n"),
        ("broken.jsonl", "{"),
        ("garbage.parquet", "PAR1 no"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    database: Database, tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=name):
        import_file(database, path)
    assert runs(database) == []
    assert not (tmp_path / "rejects").exists()


def test_a_column_of_the_wrong_type_changes_nothing(database: Database, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds List"):
        import_file(database, write_parquet(tmp_path / "a.parquet", [event(user_id=[1])]))
    assert runs(database) == []


def test_a_file_of_one_line_is_imported(database: Database, tmp_path: Path) -> None:
    outcome = import_file(database, write_csv(tmp_path / "a.csv", [event()]))
    assert counts(outcome) == (1, 0, 0, 0)
    assert outcome.rejects_path is None


def test_columns_and_zone_are_what_a_person_says(database: Database, tmp_path: Path) -> None:
    lines = [{"event_type": "view", "Customer": 5, "Code": "x", "When": "2026-07-01 12:00:00", "Note": ""}]
    reading = Reading({"user_id": "Customer", "item_id": "Code", "ts": "When"}, "Europe/London")
    outcome = import_file(database, write_csv(tmp_path / "a.csv", lines), reading=reading)
    assert outcome.unused == ("Note",)
    [row] = stored_events(database, ("user_id", "item_id", "ts_us"))
    assert row == ("5", "x", 1_782_903_600_000_000)


def test_items_and_users_are_replaced_when_they_differ_and_only_then(database: Database, tmp_path: Path) -> None:
    items = [
        {"item_id": f"i{n}", "title": f"Milk {n}", "category": '["Food", "Milk"]', "price": 1.1} for n in range(25)
    ]
    path = write_csv(tmp_path / "items.csv", items)
    assert counts(import_file(database, path, "items")) == (25, 0, 0, 0)
    assert counts(import_file(database, path, "items")) == (0, 25, 0, 0)
    items[3] |= {"price": "dear"}
    items[4] |= {"price": 2.0, "in_stock": "no"}
    outcome = import_file(database, write_csv(path, items), "items")
    assert counts(outcome) == (1, 23, 0, 1)
    rows = {
        row[0]: row[1:] for batch in read_items(database, ("item_id", "price", "in_stock", "category")) for row in batch
    }
    assert rows["i4"] == (2.0, False, '["Food", "Milk"]')
    assert rows["i3"] == (1.1, True, '["Food", "Milk"]')

    users: list[Line] = [
        {"user_id": "u1", "attributes": {"age": "35-44"}, "created_at": "2026-01-01T00:00:00Z"},
        {"user_id": ""},
    ]
    outcome = import_file(database, write_json_lines(tmp_path / "users.jsonl", users), "users")
    assert counts(outcome) == (1, 0, 0, 1)
    assert [row for batch in read_users(database) for row in batch] == [
        ("u1", '{"age":"35-44"}', 1_767_225_600_000_000)
    ]


def test_the_indexes_are_there_after_an_import_and_after_one_that_failed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_after(1, monkeypatch):
        import_file(database, write_csv(tmp_path / "a.csv", events(20)))
    names = {index["name"] for index in inspect(database.engine).get_indexes("events")}
    assert {"events_by_user", "events_by_anonymous"} <= names


def test_an_import_that_another_process_took_over_stops(database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", events(30))
    job = Job("events", "events", open_file(path), Reading())

    def take_over(_share: float) -> None:
        with database.writing() as connection:
            run = begin_import(
                connection,
                kind=job.kind,
                source=job.source.name,
                sha256=job.source.sha256,
                mapping=job.mapping,
                now_us=0,
            )
            advance_import(connection, run, lines=1, accepted=0, duplicates=0, rejected=0)

    with pytest.raises(BusyError, match="another process is importing"):
        run_import(database, job, tmp_path / "rejects", now_us=NOW_US, watch=take_over)


def test_a_full_disk_keeps_what_was_committed_and_the_import_goes_on_when_there_is_room(
    sqlite_url: str, tmp_path: Path
) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", events(2_000))
    small = open_database(sqlite_url)

    @sql_event.listens_for(small.engine, "begin")
    def limit(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={LARGEST_FILE_PAGES}")  # type: ignore[attr-defined]

    with pytest.raises(DatabaseError, match="no room left on its disk; make room, then run this again"):
        import_file(small, path)
    kept = len(stored_events(small))
    small.close()
    assert 0 < kept < 2_000
    roomy = open_database(sqlite_url)
    outcome = import_file(roomy, path)
    assert outcome.resumed_after == kept
    assert counts(outcome) == (2_000 - kept, 0, 0, 0)
    roomy.close()


def test_a_rejects_file_that_cannot_be_written_stops_the_import_before_the_batch(
    database: Database, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", [*events(10), event(11, price=-1)])
    (tmp_path / "rejects").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the rejected lines"):
        import_file(database, path)
    assert len(stored_events(database)) == 10
    (tmp_path / "rejects").unlink()
    assert import_file(database, path).resumed_after == 11


def test_the_same_reading_has_the_same_mapping(tmp_path: Path) -> None:
    job = Job("events", "events", open_file(write_csv(tmp_path / "a.csv", [event()])), Reading({"ts": "When"}))
    assert job.mapping == replace(job, kind="other").mapping
    others = [
        replace(job, reading=Reading({"ts": "Then"})),
        replace(job, reading=Reading({"ts": "When"}, "UTC")),
        replace(job, shift_us=1),
        replace(job, table="items"),
    ]
    assert len({job.mapping, *(other.mapping for other in others)}) == 5
