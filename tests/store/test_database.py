"""A database refuses in words, keeps what was committed, and lets several processes in at once."""

import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, text

from models.errors import DatabaseError
from store import database as database_module
from store.bulk import Row
from store.database import Database, connect_database
from store.events import append_events, data_window
from store.migrate import upgrade
from store.opening import open_database
from tests.store.rows import event_rows

WRITER = """
import sys
from store.opening import open_database
from store.events import append_events, data_window
from tests.store.rows import event_rows
database = open_database(sys.argv[1])
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", WRITER + script, *arguments], stdin=pipe, stdout=pipe, text=True)


def count(database: Database) -> int:
    with database.reading() as connection:
        return data_window(connection).n_events


def append(database: Database, n: int, prefix: str, *, durable: bool = True) -> None:
    with database.writing(durable=durable) as connection:
        append_events(connection, event_rows(n, prefix))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("endcap.db", "cannot be read; write sqlite:///"),
        ("", "cannot be read; write sqlite:///"),
        ("mysql://root:secret@host/shop", "does not speak to mysql databases"),
        ("postgresql+psycopg2://host/shop", "does not speak to postgresql.psycopg2 databases"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////dev/null/endcap.db", "cannot open the database file /dev/null/endcap.db"),
        ("sqlite:////", "cannot open the database file"),
        ("postgresql://user:secret@/shop?host=/nowhere", "is not answering; start the server"),
        ("postgresql+psycopg://user:secret@127.0.0.1:1/shop", "is not answering; start the server"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_with_what_to_do(url: str, problem: str) -> None:
    with pytest.raises(DatabaseError, match=problem) as refusal:
        open_database(url)
    assert "secret" not in str(refusal.value)


def test_a_database_or_a_user_that_the_server_does_not_have_is_named(postgresql_url: str) -> None:
    for url, name in (
        (postgresql_url.replace("/test_", "/missing_"), "missing_.*"),
        (postgresql_url.replace("postgres:@", "nobody@"), "nobody"),
    ):
        with pytest.raises(DatabaseError, match=rf'refused the connection; check .*"{name}" does not exist'):
            open_database(url)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("milk, bread\n" * 100)
    with pytest.raises(DatabaseError, match="is not a SQLite database; name another file"):
        open_database(f"sqlite:///{path}")
    assert path.read_text() == "milk, bread\n" * 100


def test_a_new_file_is_made_with_its_folders_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "shop" / "endcap.sqlite3"
    append(open_database(f"sqlite:///{path}"), 1, "e")
    modes = {name.name: stat.S_IMODE(name.stat().st_mode) for name in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "endcap.sqlite3-wal" in modes


def test_a_lock_that_is_held_too_long_is_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.05)
    holder, waiter = open_database(sqlite_url), open_database(sqlite_url)
    with (
        holder.writing(),
        pytest.raises(DatabaseError, match="is locked by another process; let it finish"),
        waiter.writing(),
    ):
        pass


def test_a_reader_sees_one_state_and_cannot_write(database: Database) -> None:
    with database.reading() as connection:
        before = data_window(connection).n_events
        append(database, 1, "e")
        assert data_window(connection).n_events == before == 0
    assert count(database) == 1
    with pytest.raises(DatabaseError, match="is read-only"), database.reading() as connection:
        connection.execute(text("DELETE FROM events"))
    assert count(database) == 1


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def append_then_fail(rows: list[Row]) -> None:
        with database.writing() as connection:
            append_events(connection, event_rows(1_500))
            append_events(connection, rows)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        append_then_fail(event_rows(1, "f"))
    with pytest.raises(DatabaseError, match="events_has_a_shopper"):
        append_then_fail(event_rows(1, "f", user_id=None))
    assert count(database) == 0


@pytest.mark.parametrize(
    ("setting", "durable", "not_durable"), [("PRAGMA synchronous", 2, 1), ("SHOW synchronous_commit", "on", "off")]
)
def test_a_durable_transaction_waits_for_the_disk(
    request: pytest.FixtureRequest, setting: str, durable: object, not_durable: object
) -> None:
    kind = "sqlite" if setting.startswith("PRAGMA") else "postgresql"
    database = connect_database(request.getfixturevalue(f"{kind}_url"))
    for wanted, expected in ((False, not_durable), (True, durable), (False, not_durable)):
        with database.writing(durable=wanted) as connection:
            assert connection.scalar(text(setting)) == expected
    database.close()


def test_a_database_that_survives_a_power_cut_says_so(database: Database) -> None:
    with database.writing(durable=False):
        pass
    database.ensure_durable()


def test_a_database_that_would_lose_events_in_a_power_cut_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = database.engine.dialect.name
    hasty = "PRAGMA synchronous=NORMAL" if database.is_embedded else "SET LOCAL synchronous_commit = off"
    monkeypatch.setitem(database_module._BEGINNINGS[kind], "write", (hasty,))
    with pytest.raises(DatabaseError, match=r"would lose events in a power cut: \w+ synchronous\w* says (1|off), not"):
        database.ensure_durable()


def test_two_processes_that_write_at_once_lose_nothing_and_are_never_locked_out(sqlite_url: str) -> None:
    script = """
for batch in range(100):
    with database.writing(durable=False) as connection:
        append_events(connection, event_rows(20, f"{sys.argv[2]}-{batch}-"))
"""
    open_database(sqlite_url)
    writers = [start(script, sqlite_url, name) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert count(open_database(sqlite_url)) == 4_000
    for writer in writers:
        writer.communicate()


def test_processes_that_come_and_go_take_nothing_from_those_that_stay(sqlite_url: str) -> None:
    # Twice in one process, as the service has it. Whoever closes the file as the last one deletes the write-ahead log.
    first, second = open_database(sqlite_url), open_database(sqlite_url)
    script = """
with database.writing() as connection:
    append_events(connection, event_rows(1, sys.argv[2]))
with database.reading() as connection:
    print(data_window(connection).n_events)
database.close()
"""
    for seen in (2, 4):
        append(first, 1, f"first-{seen}")
        said, _ = start(script, sqlite_url, f"other-{seen}").communicate()
        assert said == f"{seen}\n"
        assert [count(first), count(second)] == [seen, seen]


def test_processes_that_open_a_new_file_at_once_all_get_it(sqlite_url: str) -> None:
    script = """
with database.writing() as connection:
    append_events(connection, event_rows(1, sys.argv[2]))
"""
    writers = [start(script, sqlite_url, name) for name in "abcd"]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    assert count(open_database(sqlite_url)) == 4


def test_a_process_killed_in_the_middle_of_a_batch_leaves_the_batches_before_it(database: Database) -> None:
    script = """
for batch in ("a", "b"):
    with database.writing() as connection:
        append_events(connection, event_rows(2_000, batch))
with database.writing() as connection:
    append_events(connection, event_rows(2_000, "c"))
    print("torn", flush=True)
    sys.stdin.read()
"""
    writer = start(script, database.engine.url.render_as_string(hide_password=False))
    assert writer.stdout is not None
    assert writer.stdout.readline() == "torn\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert count(database) == 4_000
    append(database, 2_000, "c")
    assert count(database) == 6_000


def test_a_full_disk_is_refused_and_what_was_committed_stays(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    append(database, 100, "kept")
    database.close()
    event.listen(database.engine, "connect", lambda driver, _entry: driver.execute("PRAGMA max_page_count=60"))
    with pytest.raises(DatabaseError, match="has no room left on its disk; make room"):
        append(database, 5_000, "lost", durable=False)
    assert count(database) == 100
    assert count(open_database(sqlite_url)) == 100


def test_a_schema_from_the_future_is_refused_by_name(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    url = database.engine.url.render_as_string(hide_password=False)
    for bring in (lambda: open_database(url), lambda: upgrade(database)):
        with pytest.raises(DatabaseError, match=r"has schema revision 0099, and this Endcap knows up to \d+; install"):
            bring()


def test_a_server_without_our_tables_is_refused_until_it_is_upgraded(postgresql_url: str) -> None:
    with pytest.raises(DatabaseError, match="has no Endcap tables yet; run `endcap db upgrade`"):
        open_database(postgresql_url)
    with closing(connect_database(postgresql_url)) as database:
        upgrade(database)
    with closing(open_database(postgresql_url)) as database:
        assert count(database) == 0


def test_a_file_that_was_deleted_or_replaced_is_not_written_to(sqlite_url: str) -> None:
    database = connect_database(sqlite_url)
    upgrade(database)
    database.ensure_in_place()
    path = Path(str(database.engine.url.database))
    kept = path.with_suffix(".kept")
    path.rename(kept)
    with pytest.raises(DatabaseError, match="was deleted or replaced"):
        database.ensure_in_place()
    path.write_bytes(b"")
    with pytest.raises(DatabaseError, match="was deleted or replaced"):
        database.ensure_in_place()
    kept.replace(path)
    database.ensure_in_place()
    database.close()


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:secret@127.0.0.1:port/db", "postgresql://u:sec:re/t@h:1:2/x"])
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(DatabaseError, match="percent-encoded") as refused:
        connect_database(url)
    assert "sec" not in str(refused.value)
