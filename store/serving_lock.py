"""Who answers from a database: services that share their memory, or one alone, which remembers in its own process."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import BusyError, DatabaseError
from store.database import Database


@contextmanager
def answering_from(database: Database, *, shares_memory: bool) -> Iterator[None]:
    """Answer from `database`: alone, or beside others that share their memory too; the lock ends with the process.

    Raises BusyError when another service is in the way, DatabaseError when the lock cannot be taken.
    """
    holding = _holding_file if database.is_embedded else _holding_number
    with holding(database, shares_memory=shares_memory):
        yield


def _busy(database: Database) -> BusyError:
    return BusyError(
        f"another service answers from the database {database.name}, and each would miss the events of the other; "
        "end it, or give both the same ENDCAP_REDIS_URL"
    )


@contextmanager
def _holding_file(database: Database, *, shares_memory: bool) -> Iterator[None]:
    """Lock a file beside the database, whatever links lead there: the database's own locks are SQLite's."""
    path = Path(f"{Path(str(database.engine.url.database)).resolve()}.serving.lock")
    try:
        file = path.open("a+")
    except OSError as error:
        raise DatabaseError(f"cannot lock {path}: {error.strerror}; check its folder and its mode") from error
    with file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shares_memory else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy(database) from error
        yield


@contextmanager
def _holding_number(database: Database, *, shares_memory: bool) -> Iterator[None]:
    """Hold an advisory lock of the server on a connection of its own, which does nothing else."""
    lock = f"pg_try_advisory_lock{'_shared' if shares_memory else ''}"
    with database.telling():
        connection = database.engine.connect()
    try:
        with database.telling():
            is_ours = connection.exec_driver_sql(f"SELECT {lock}(hashtext('endcap serve'))").scalar()
            connection.commit()
        if not is_ours:
            raise _busy(database)
        yield
    finally:
        connection.invalidate()  # its session ends, and the lock with it
        connection.close()
