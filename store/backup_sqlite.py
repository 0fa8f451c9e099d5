"""Backups of a SQLite file, through SQLite's own backup: a consistent copy, for which no writer waits."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models.errors import DatabaseError, InputError
from store.database import BUSY_TIMEOUT_SECONDS, Database, connect_database
from store.migrate import current_revision, refuse_unknown_revision, upgrade
from store.refusals import explain

MAGIC = b"SQLite format 3\0"
"""How a SQLite file begins (sqlite.org/fileformat.html, 1.3)."""


def dump(database: Database, path: Path) -> None:
    """Copy the database into the empty file at `path`, and check the copy. Raises DatabaseError."""
    with database.reading() as connection, closing(sqlite3.connect(path)) as copy:
        driver: Any = connection.connection.dbapi_connection
        try:
            driver.backup(copy)
            # The copy says that it has a write-ahead log; without one it is a single file, which can be moved about.
            copy.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise explain(error, f"the backup of {database.name}") from error
        if not _is_sound(copy):
            raise DatabaseError(f"the database {database.name} is damaged; restore an older backup")


def load(database: Database, path: Path) -> None:
    """Examine a copy of the backup and migrate it, then put it in the place of all that the database holds.

    Processes that have the database open see the new content from their next transaction on. A file that is no database
    any more is kept beside it as NAME.damaged. Raises InputError for a bad backup, DatabaseError for all else.
    """
    live = Path(database.engine.url.database or "")
    with TemporaryDirectory(dir=live.parent, prefix=f".{live.name}.") as folder:
        url = database.engine.url.set(database=str(Path(folder) / "restored"))
        restored = connect_database(url.render_as_string(hide_password=False))
        _copy_sound(path, Path(folder) / "restored")
        with restored.reading() as connection:
            revision = current_revision(connection)
        if revision is None:
            raise InputError(f"the SQLite file {path} holds no Endcap database; name another file")
        refuse_unknown_revision(f"the backup {path}", revision)
        upgrade(restored)
        restored.close()
        database.close()
        _replace(live, Path(folder) / "restored")


def _copy_sound(path: Path, copy_path: Path) -> None:
    """Copy the backup at `path`. Raises InputError when it is damaged."""
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as backup,
            closing(sqlite3.connect(copy_path)) as copy,
        ):
            backup.backup(copy)
            sound = _is_sound(copy)
    except sqlite3.DatabaseError as error:
        raise explain(error, f"the backup {path}") from error
    if not sound:
        raise InputError(f"the backup {path} is damaged; restore another one")


def _is_sound(connection: sqlite3.Connection) -> bool:
    try:
        found: tuple[str] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError:
        return False
    return found[0] == "ok"


def _replace(live: Path, restored: Path) -> None:
    """Write `restored` over `live` in one transaction; when `live` is no database any more, move it aside."""
    try:
        with (
            closing(sqlite3.connect(restored)) as source,
            closing(sqlite3.connect(live, timeout=BUSY_TIMEOUT_SECONDS)) as target,
        ):
            source.backup(target)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname not in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
            raise explain(error, f"the database {live}") from error
        # What is left of its write-ahead log belongs to the damaged file, and would be played into the new one.
        for name in (live.name, f"{live.name}-wal", f"{live.name}-shm"):
            if live.with_name(name).exists():
                live.with_name(name).replace(live.with_name(f"{name}.damaged"))
        restored.replace(live)
