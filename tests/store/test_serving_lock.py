"""Of services that remember in their own process there is one over a database."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import BusyError
from store.database import Database
from store.opening import open_database
from store.serving_lock import answering_from

SERVICE = """
import sys
from store.opening import open_database
from store.serving_lock import answering_from
with answering_from(open_database(sys.argv[1]), shares_memory=False):
    print("alone", flush=True)
    sys.stdin.read()
"""


def test_a_second_service_is_refused_until_the_first_one_ends(database: Database) -> None:
    for _ in range(2):
        with (
            answering_from(database, shares_memory=False),
            pytest.raises(BusyError, match=r"another service .*; end it, or give both the same ENDCAP_REDIS_URL"),
            answering_from(database, shares_memory=False),
        ):
            pass


@pytest.mark.parametrize("first_shares", [True, False])
def test_one_that_shares_its_memory_and_one_that_does_not_never_answer_side_by_side(
    database: Database, *, first_shares: bool
) -> None:
    with (
        answering_from(database, shares_memory=first_shares),
        pytest.raises(BusyError),
        answering_from(database, shares_memory=not first_shares),
    ):
        pass


def test_services_that_share_their_memory_answer_side_by_side(database: Database) -> None:
    with answering_from(database, shares_memory=True), answering_from(database, shares_memory=True):
        pass


def test_a_link_to_a_database_is_that_database(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    (tmp_path / "link.sqlite3").symlink_to(str(database.engine.url.database))
    linked = open_database(f"sqlite:///{tmp_path / 'link.sqlite3'}")
    with (
        answering_from(database, shares_memory=False),
        pytest.raises(BusyError),
        answering_from(linked, shares_memory=False),
    ):
        pass


def test_a_service_that_is_killed_leaves_no_lock(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    pipe = subprocess.PIPE
    service = subprocess.Popen([sys.executable, "-c", SERVICE, url], stdin=pipe, stdout=pipe, text=True)
    assert service.stdout is not None
    assert service.stdout.readline() == "alone\n"
    with pytest.raises(BusyError), answering_from(database, shares_memory=False):
        pass
    service.send_signal(signal.SIGKILL)
    service.communicate()
    wait_for_the_server_to_notice(database)
    with answering_from(database, shares_memory=False):
        pass


def wait_for_the_server_to_notice(database: Database) -> None:
    """PostgreSQL ends a session when it reads the end of its connection, a moment after the client died."""
    for _ in range(1_000):
        try:
            with answering_from(database, shares_memory=False):
                return
        except BusyError:
            continue
