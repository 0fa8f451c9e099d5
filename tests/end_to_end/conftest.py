"""The whole service, on real servers."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine

from store.database import connect_database
from store.migrate import upgrade
from tests.databases import postgresql, postgresql_url
from tests.end_to_end.floor import Alone, Floor
from tests.processes import KEY, Served
from tests.services import home, taught_home, teach
from tests.valkeys import Valkey, valkey

__all__ = ["home", "postgresql", "postgresql_url", "taught_home", "valkey"]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def taught(postgresql: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The corner shop, trained: the name of its database, to be copied, and its bundles. No test may change them."""
    bundles = tmp_path_factory.mktemp("taught") / "bundles"
    administer(postgresql, "CREATE DATABASE taught")
    database = connect_database(postgresql.url("taught"))
    upgrade(database)
    teach(database, bundles)
    database.close()
    return "taught", bundles


@pytest.fixture(scope="module")
def floor(
    taught: tuple[str, Path], postgresql: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Floor]:
    """Two workers over a corner shop of their own, in PostgreSQL and Valkey."""
    template, bundles = taught
    folder, name = tmp_path_factory.mktemp("floor"), f"floor_{next(_numbers)}"
    administer(postgresql, f"CREATE DATABASE {name} TEMPLATE {template}")
    shutil.copytree(bundles, folder / "bundles")
    cache = Valkey(folder / "valkey")
    cache.start()
    settings = {
        "ENDCAP_HOME": str(folder),
        "ENDCAP_DATABASE_URL": postgresql.url(name),
        "ENDCAP_REDIS_URL": cache.url,
        "ENDCAP_WORKERS": "2",
        "ENDCAP_API_KEY": KEY,
    }
    served = Served(settings, folder / "log")
    try:
        yield Floor(served.start(), cache, postgresql.server, settings["ENDCAP_DATABASE_URL"])
    finally:
        served.close()
        cache.close()
        administer(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def steady(floor: Floor) -> Iterator[Floor]:
    """The same, as every test finds it and leaves it: nothing is away."""
    floor.served.wait_until("ready")
    yield floor
    floor.mend()


@pytest.fixture
def alone(home: Path, tmp_path: Path) -> Iterator[Alone]:
    """A service of one process, as after `make demo`."""
    with ExitStack() as stack:

        def make(**settings: str) -> Served:
            served = Served({"ENDCAP_HOME": str(home), **settings}, tmp_path / "log")
            stack.callback(served.close)
            return served

        yield make


def administer(postgresql: SimpleNamespace, statement: str) -> None:
    engine = create_engine(postgresql.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
