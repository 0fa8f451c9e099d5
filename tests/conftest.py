"""What every test stands on: no network, one thread a process, and no deadline on a shared machine."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Tests run in several processes on few cores; numpy reads these when it is first imported, which is later than this.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Hypothesis's own profile for CI (the same examples every time) stays the parent where CI is set.
settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - a pair, a path or bytes
        host = address[0] if self.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple) else None
        if host not in {None, "127.0.0.1", "::1", "localhost"}:
            message = f"a test may not reach {host}; only this machine is there for it"
            raise PermissionError(message)
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ENDCAP_* the machine has set is not there for a test."""
    for name in [name for name in os.environ if name.upper().startswith("ENDCAP_")]:
        monkeypatch.delenv(name)
