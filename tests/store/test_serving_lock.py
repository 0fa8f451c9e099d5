"""Of services that remember in their own process there is one over a database."""

import signal
import subprocess
import sys

import pytest

from models.errors import BusyError
from store.database import Database
from store.serving_lock import only_one

SERVICE = """
import sys
from store.opening import open_database
from store.serving_lock import only_one
with only_one(open_database(sys.argv[1])):
    print("alone", flush=True)
    sys.stdin.read()
"""


def test_a_second_service_is_refused_until_the_first_one_ends(database: Database) -> None:
    for _ in range(2):
        with (
            only_one(database),
            pytest.raises(BusyError, match=r"another service .*; end it, or give both the same ENDCAP_REDIS_URL"),
            only_one(database),
        ):
            pass


def test_a_service_that_is_killed_leaves_no_lock(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    pipe = subprocess.PIPE
    service = subprocess.Popen([sys.executable, "-c", SERVICE, url], stdin=pipe, stdout=pipe, text=True)
    assert service.stdout is not None
    assert service.stdout.readline() == "alone\n"
    with pytest.raises(BusyError), only_one(database):
        pass
    service.send_signal(signal.SIGKILL)
    service.communicate()
    wait_for_the_server_to_notice(database)
    with only_one(database):
        pass


def wait_for_the_server_to_notice(database: Database) -> None:
    """PostgreSQL ends a session when it reads the end of its connection, a moment after the client died."""
    for _ in range(1_000):
        try:
            with only_one(database):
                return
        except BusyError:
            continue
