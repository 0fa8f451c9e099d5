"""A backup is whole, private and made while others write; a restore brings all of it or changes nothing."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from models.errors import DatabaseError, InputError, RecommenderError
from store.backup import backup, restore
from store.database import Database, connect_database
from store.events import append_events, data_window
from store.exposures import Exposure, read_exposures, write_exposures
from store.migrate import current_revision, upgrade
from store.opening import open_database
from store.schema import REVISIONS, metadata
from store.settings import recall, remember
from tests.store.rows import event_rows


@pytest.fixture(autouse=True)
def client_programs(monkeypatch: pytest.MonkeyPatch, postgresql: SimpleNamespace) -> None:
    monkeypatch.setenv("PATH", str(postgresql.programs), prepend=":")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.backup"


def append(database: Database, n: int, prefix: str) -> None:
    with database.writing() as connection:
        append_events(connection, event_rows(n, prefix))


def count(database: Database) -> int:
    with database.reading() as connection:
        return data_window(connection).n_events


@contextmanager
def unchanged(database: Database) -> Iterator[None]:
    before = count(database)
    yield
    assert count(database) == before


def test_a_restored_database_is_what_it_was(database: Database, path: Path) -> None:
    append(database, 1_500, "before")
    with database.writing() as connection:
        remember(connection, "shift", "7")
    backup(database, path)
    append(database, 10, "after")
    with database.writing() as connection:
        connection.execute(text("DELETE FROM settings"))
    restore(database, path, replace=True)
    assert count(database) == 1_500
    with database.reading() as connection:
        assert recall(connection, "shift") == "7"
    append(database, 1, "goes on")
    assert count(database) == 1_501


def test_a_backup_made_while_another_writes_has_what_was_committed(database: Database, path: Path) -> None:
    append(database, 10, "committed")
    with database.writing() as connection:
        append_events(connection, event_rows(10, "not yet"))
        backup(database, path)
    restore(database, path, replace=True)
    assert count(database) == 10


def test_an_open_reader_goes_on_through_a_restore_and_sees_it_afterwards(sqlite_url: str, path: Path) -> None:
    with closing(open_database(sqlite_url)) as database, closing(open_database(sqlite_url)) as service:
        append(database, 10, "before")
        backup(database, path)
        append(database, 10, "after")
        with service.reading() as connection:
            assert data_window(connection).n_events == 20
            restore(database, path, replace=True)
            assert data_window(connection).n_events == 20
        assert count(service) == 10


def test_a_backup_is_for_its_owner_only_and_is_a_single_file(database: Database, path: Path) -> None:
    append(database, 10, "e")
    backup(database, path)
    backup(database, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir() if "backup" in found.name] == [path.name]


def test_a_database_with_events_is_not_overwritten_unasked(database: Database, path: Path) -> None:
    backup(database, path)
    restore(database, path, replace=False)
    append(database, 1, "e")
    with (
        unchanged(database),
        pytest.raises(DatabaseError, match=r"has events.*; back it up, then restore with --replace"),
    ):
        restore(database, path, replace=False)


def test_a_backup_comes_back_into_a_database_that_has_no_tables_yet(database: Database, path: Path) -> None:
    append(database, 10, "e")
    backup(database, path)
    with database.writing() as connection:
        for table in (*metadata.tables, "alembic_version"):
            connection.execute(text(f"DROP TABLE {table}"))
    restore(database, path, replace=False)
    assert count(database) == 10


def test_a_backup_of_an_older_schema_comes_back_over_a_younger_one_and_is_migrated(
    database: Database, path: Path
) -> None:
    append(database, 10, "e")
    with database.writing() as connection:
        connection.execute(text("DROP TABLE exposures"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    backup(database, path)
    upgrade(database)
    with database.writing() as connection:
        write_exposures(connection, [Exposure("rec_1", 1, None, "home", "m")])
    restore(database, path, replace=True)
    with database.reading() as connection:
        assert read_exposures(connection, since_us=0, limit=9) == []
        assert current_revision(connection) == REVISIONS[-1]
    assert count(database) == 10


@pytest.mark.parametrize("size", [0, 4, 5_000, -200])
def test_a_truncated_backup_changes_nothing(database: Database, path: Path, size: int) -> None:
    append(database, 2_000, "e")
    backup(database, path)
    path.write_bytes(path.read_bytes()[:size])
    with unchanged(database), pytest.raises(RecommenderError, match=str(path)):
        restore(database, path, replace=True)


def test_a_file_that_is_no_backup_changes_nothing(database: Database, path: Path) -> None:
    path.write_text("event_id,user_id\n")
    with unchanged(database), pytest.raises(InputError, match="is not a backup that `endcap db backup` wrote"):
        restore(database, path, replace=True)
    with pytest.raises(InputError, match=r"cannot read the backup .*missing: No such file"):
        restore(database, path.with_name("missing"), replace=True)


def test_a_backup_of_the_other_kind_is_named(request: pytest.FixtureRequest, path: Path) -> None:
    with (
        closing(open_database(request.getfixturevalue("sqlite_url"))) as embedded,
        closing(connect_database(request.getfixturevalue("postgresql_url"))) as server,
    ):
        backup(embedded, path)
        with pytest.raises(InputError, match="is a backup of SQLite, and the database is PostgreSQL"):
            restore(server, path, replace=True)


def test_a_backup_from_the_future_is_refused_by_name_and_changes_nothing(database: Database, path: Path) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    backup(database, path)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :ours"), {"ours": REVISIONS[-1]})
    append(database, 1, "e")
    with unchanged(database), pytest.raises(DatabaseError, match=r"the backup .* has schema revision 0099"):
        restore(database, path, replace=True)


def test_a_database_of_another_program_is_no_backup(sqlite_url: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    with (
        closing(open_database(sqlite_url)) as database,
        unchanged(database),
        pytest.raises(InputError, match="holds no Endcap database"),
    ):
        restore(database, path, replace=True)


@pytest.mark.parametrize("damage", ["header", "middle"])
def test_a_damaged_file_is_kept_aside_or_overwritten_when_a_backup_comes_back(
    sqlite_url: str, path: Path, damage: str
) -> None:
    database = open_database(sqlite_url)
    append(database, 2_000, "e")
    backup(database, path)
    database.close()
    live = Path(str(database.engine.url.database))
    sound = live.read_bytes()
    start = 0 if damage == "header" else len(sound) // 2
    live.write_bytes(sound[:start] + b"\xff" * 9_000 + sound[start + 9_000 :])
    if damage == "header":
        with pytest.raises(DatabaseError, match="has events or cannot be read"):
            restore(connect_database(sqlite_url), path, replace=False)
    restore(connect_database(sqlite_url), path, replace=True)
    with closing(open_database(sqlite_url)) as restored:
        assert count(restored) == 2_000
    assert live.with_name(live.name + ".damaged").exists() == (damage == "header")
    assert stat.S_IMODE(live.stat().st_mode) == 0o600


def test_a_damaged_database_does_not_replace_an_older_backup(sqlite_url: str, path: Path) -> None:
    database = open_database(sqlite_url)
    append(database, 2_000, "e")
    backup(database, path)
    older = path.read_bytes()
    database.close()
    live = Path(str(database.engine.url.database))
    sound = live.read_bytes()
    live.write_bytes(sound[:40_000] + b"\xff" * 9_000 + sound[49_000:])
    with pytest.raises(DatabaseError, match="is damaged; restore an older backup"):
        backup(connect_database(sqlite_url), path)
    assert path.read_bytes() == older


def test_a_folder_that_is_not_there_is_named(database: Database, path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write the backup .*: No such file"):
        backup(database, path / "missing" / "shop.backup")


def test_a_missing_pg_dump_is_named_with_its_package(
    postgresql_url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        closing(connect_database(postgresql_url)) as database,
        pytest.raises(DatabaseError, match=r"pg_dump is not installed; .*postgresql-client"),
    ):
        backup(database, path)
    assert not path.exists()


def test_a_backup_never_replaces_the_database_itself_nor_a_folder(sqlite_url: str, tmp_path: Path) -> None:
    with closing(open_database(sqlite_url)) as database:
        live = Path(str(database.engine.url.database))
        for path in (live, tmp_path):
            with pytest.raises(InputError, match=r"itself|a folder"):
                backup(database, path)
            with pytest.raises(InputError, match=r"itself|a folder"):
                restore(database, path, replace=True)


def test_a_backup_replaces_only_an_older_backup(sqlite_url: str, tmp_path: Path) -> None:
    letter, link, kept = tmp_path / "letter.txt", tmp_path / "link", tmp_path / "kept.bak"
    letter.write_text("dear shop, " * 9)
    link.symlink_to(letter)
    with closing(open_database(sqlite_url)) as database:
        for path in (letter, link, Path("/dev/null")):
            with pytest.raises(InputError, match=r"not a backup|no plain file"):
                backup(database, path)
        backup(database, kept)
        backup(database, kept)
    assert letter.read_text().startswith("dear shop")
