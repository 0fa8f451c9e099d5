"""One database by URL, SQLite or PostgreSQL, and the only two ways into it: `reading` and `writing`."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from models.errors import DatabaseError
from store.refusals import explain

BUSY_TIMEOUT_SECONDS = 60
"""How long a writer on SQLite waits for another one to commit."""

Transaction: TypeAlias = Connection
"""What `reading` and `writing` give, for annotations outside store/, which alone knows SQLAlchemy."""

EXPECTED_URLS = "write sqlite:///var/endcap.db or postgresql+psycopg://user@host/name"

# What begins a transaction, by dialect and purpose. Plain BEGIN fails under two writers on SQLite (a read lock cannot
# become a write lock once another has written), so writers say IMMEDIATE. `synchronous` has to be set before.
_BEGINNINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "sqlite": {
        "read": ("PRAGMA query_only=ON", "BEGIN"),
        "write": ("PRAGMA query_only=OFF", "PRAGMA synchronous=FULL", "BEGIN IMMEDIATE"),
        # 64 MiB of pages and a checkpoint every 64 MiB: 1.47 million events in 17 s, in 22 s when the indexes by
        # shopper are not deferred; 256 MiB of pages are no faster (2026-11).
        "import": (
            "PRAGMA query_only=OFF",
            "PRAGMA synchronous=NORMAL",
            "PRAGMA cache_size=-65536",
            "PRAGMA wal_autocheckpoint=16384",
            "BEGIN IMMEDIATE",
        ),
    },
    "postgresql": {
        "read": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",),
        "write": ("SET LOCAL synchronous_commit = on",),
        "import": ("SET LOCAL synchronous_commit = off",),
    },
}

# What a transaction that writes has to read back before anybody is told that something is stored for good.
_DURABLE: dict[str, dict[str, object]] = {
    "sqlite": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 2},
    "postgresql": {"SHOW synchronous_commit": "on", "SHOW fsync": "on"},
}


@dataclass(frozen=True)
class Database:
    """The engine of one database. Safe to share between threads; a process opens its own."""

    engine: Engine
    file_number: tuple[int, int] | None = None
    """Device and inode of an SQLite file when it was opened."""

    @property
    def name(self) -> str:
        """The URL without its password, for messages."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a SQLite file rather than a PostgreSQL server."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the data from its first query to its end, and cannot write.

        Raises DatabaseError.
        """
        with self._transaction("read") as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give a connection whose writes are committed together at the end, or not at all.

        durable: a commit survives a power cut. Without it the newest commits may be lost in one, each of them whole:
        for imports, which can be repeated.
        Raises DatabaseError.
        """
        with self._transaction("write" if durable else "import") as connection:
            yield connection

    def ensure_in_place(self) -> None:
        """Raise DatabaseError when the file was deleted or replaced since it was opened: what is written then is lost.

        SQLite goes on writing to a file that has no name any more, and says nothing. Cost: 2 microseconds.
        """
        if self.file_number is not None and _number_of(Path(self.engine.url.database or "")) != self.file_number:
            raise DatabaseError(
                f"the database file {self.engine.url.database} was deleted or replaced while it was open; put it back, "
                "or restore a backup, and start Endcap again"
            )

    def ensure_durable(self) -> None:
        """Read back, in a transaction that writes, that its commits survive a power cut. Raises DatabaseError."""
        with self.writing() as connection:
            for question, wanted in _DURABLE[self.engine.dialect.name].items():
                found = connection.exec_driver_sql(question).scalar()
                if found != wanted:
                    raise DatabaseError(
                        f"the database {self.name} would lose events in a power cut: {question} says {found}, not "
                        f"{wanted}; set it in the server's configuration, or for the user of ENDCAP_DATABASE_URL"
                    )

    @contextmanager
    def _transaction(self, purpose: str) -> Iterator[Connection]:
        with self.telling(), self.engine.connect() as connection:
            connection.execution_options(purpose=purpose)
            with connection.begin():
                yield connection

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn what the driver raises into a DatabaseError that says what to do."""
        try:
            yield
        except (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error) as error:
            raise explain(error, f"the database {self.name}") from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self.engine.dispose()


def connect_database(url: str) -> Database:
    """Open the database at `url` whatever its schema is: for `endcap db`. Raises DatabaseError."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _connect_sqlite(parsed)
    return _connect_postgresql(parsed)


def _parse(url: str) -> URL:
    """Return `url` as SQLAlchemy reads it. A URL that cannot be read is not repeated: it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not the cause either: it repeats a part of the URL.
        raise DatabaseError(
            f"the database URL cannot be read; {EXPECTED_URLS}, with everything but letters and digits in the password "
            "percent-encoded"
        ) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise DatabaseError(f"Endcap does not speak to {parsed.drivername} databases; {EXPECTED_URLS}")
    return parsed


def _connect_sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise DatabaseError(
            "a SQLite database needs a file, because every connection in memory sees its own; " + EXPECTED_URLS
        )
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_for_the_owner(path)
    except OSError as error:
        raise DatabaseError(
            f"cannot open the database file {path}: {error.strerror}; check its folder, or set ENDCAP_DATABASE_URL"
        ) from error
    # Parameters are somebody's data; an error, and so a log, does not repeat them.
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return Database(engine, _number_of(path))


def _make_for_the_owner(path: Path) -> None:
    """Make a new file that is nobody else's: it holds personal data. SQLite gives its mode to those it keeps beside it.

    A file that is there is not opened. Closing it would give up the POSIX locks that connections of this process have
    on it; another process would take itself for the last one, and delete the write-ahead log under our writers
    (sqlite.org/howtocorrupt.html, 2.2). Raises OSError.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o600))


def _number_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect_postgresql(url: URL) -> Database:
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "application_name": "endcap"},
        )
    except ImportError as error:
        raise DatabaseError(
            "PostgreSQL needs a driver; run `pip install 'psycopg[binary]'`, or use a SQLite file"
        ) from error
    event.listen(engine, "begin", _begin)
    return Database(engine)


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Readers and a writer work at the same time only with a write-ahead log; the file remembers that it has one.
    for pragma in ("PRAGMA journal_mode=WAL", "PRAGMA foreign_keys=ON"):
        connection.cursor().execute(pragma)


def _begin(connection: Connection) -> None:
    purpose = connection.get_execution_options().get("purpose", "write")
    for statement in _BEGINNINGS[connection.dialect.name][purpose]:
        connection.exec_driver_sql(statement)
