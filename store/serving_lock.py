"""One service process over a database, where its memory is in the process and another one's would not know of it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import BusyError, DatabaseError
from store.database import Database


@contextmanager
def only_one(database: Database) -> Iterator[None]:
    """Be the only service over `database` that remembers in its own process; the lock ends with the process.

    Raises BusyError when there is one already, DatabaseError when the lock cannot be taken.
    """
    with _holding_file(database) if database.is_embedded else _holding_number(database):
        yield


def _busy(database: Database) -> BusyError:
    return BusyError(
        f"another service answers from the database {database.name}, and each would miss the events of the other; "
        "end it, or give both the same ENDCAP_REDIS_URL"
    )


@contextmanager
def _holding_file(database: Database) -> Iterator[None]:
    """Lock a file beside the database: the database's own locks are SQLite's."""
    path = Path(f"{database.engine.url.database}.serving.lock")
    try:
        file = path.open("a+")
    except OSError as error:
        raise DatabaseError(f"cannot lock {path}: {error.strerror}; check its folder and its mode") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy(database) from error
        yield


@contextmanager
def _holding_number(database: Database) -> Iterator[None]:
    """Hold an advisory lock of the server on a connection of its own, which does nothing else."""
    with database.telling():
        connection = database.engine.connect()
    try:
        with database.telling():
            is_ours = connection.exec_driver_sql("SELECT pg_try_advisory_lock(hashtext('endcap serve'))").scalar()
            connection.commit()
        if not is_ours:
            raise _busy(database)
        yield
    finally:
        connection.invalidate()  # its session ends, and the lock with it
        connection.close()
