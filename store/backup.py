"""A copy of the whole database while others work with it, and the way back."""

from pathlib import Path

from sqlalchemy import inspect, select

from models.errors import DatabaseError, InputError
from store import backup_postgresql, backup_sqlite
from store.database import Database
from store.files import replaced_whole
from store.schema import events

_KINDS = {"SQLite": backup_sqlite, "PostgreSQL": backup_postgresql}


def backup(database: Database, path: Path) -> None:
    """Write the database as it is now to `path`, for its owner's eyes only; an older backup there stays until then.

    Raises DatabaseError when the database cannot be read, InputError when `path` cannot be written or is anything but
    an older backup.
    """
    kind = _KINDS[_kind_of(database)]
    _refuse_the_database_itself(database, path)
    if path.exists() and path.stat().st_size:
        _kind_of_backup(path)
    try:
        with replaced_whole(path) as partial:
            kind.dump(database, partial)
    except OSError as error:
        raise InputError(f"cannot write the backup {path}: {error.strerror}; check its folder and its disk") from error


def restore(database: Database, path: Path, *, replace: bool) -> None:
    """Make the database what it was when the backup at `path` was made, brought to the present schema.

    The backup is examined before anything is touched, and comes in whole or not at all.
    replace: overwrite a database that has events. Raises InputError for a file that is no backup, DatabaseError else.
    """
    _refuse_the_database_itself(database, path)
    wanted = _kind_of(database)
    found = _kind_of_backup(path)
    if found != wanted:
        raise InputError(f"{path} is a backup of {found}, and the database is {wanted}; set ENDCAP_DATABASE_URL")
    if not replace and _holds_events(database):
        raise DatabaseError(
            f"the database {database.name} has events or cannot be read; back it up, then restore with --replace"
        )
    _KINDS[wanted].load(database, path)


def _refuse_the_database_itself(database: Database, path: Path) -> None:
    """Raise InputError for a path that can be no backup: a folder, a device, or the file that others are writing to."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InputError(f"{path} is no plain file; name another one")
    live = Path(database.engine.url.database or "")
    if database.is_embedded and path.exists() and live.exists() and path.samefile(live):
        raise InputError(f"{path} is the database itself; name another file")


def _kind_of(database: Database) -> str:
    return "SQLite" if database.is_embedded else "PostgreSQL"


def _kind_of_backup(path: Path) -> str:
    """Return which database wrote the backup, by its first bytes. Raises InputError for any other file."""
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except OSError as error:
        raise InputError(f"cannot read the backup {path}: {error.strerror}; check its name and its mode") from error
    for kind, module in _KINDS.items():
        if beginning.startswith(module.MAGIC):
            return kind
    raise InputError(f"{path} is not a backup that `endcap db backup` wrote; name another file")


def _holds_events(database: Database) -> bool:
    """Say whether there is something to lose: events, or a file of which nobody knows what it holds."""
    try:
        with database.reading() as connection:
            has_events = inspect(connection).has_table("events")
            return has_events and connection.scalar(select(events.c.seq).limit(1)) is not None
    except DatabaseError:
        if database.is_embedded:
            return True
        raise
