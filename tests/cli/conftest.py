"""A home that `endcap train` was run in, for commands that ask it."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from store.opening import open_database
from tests.shops import corner_shop, stock
from tests.worlds import NOW

CONFIG = """
min_shoppers = 2
horizon_days = 14
[sources]
item_knn = {}
buy_again = {}
popular = {}
new = {}
"""

Endcap = Callable[..., Result]
"""Run the command in one home: `endcap("models", "list")`."""


def endcap_in(home: Path) -> Endcap:
    settings = {"ENDCAP_HOME": str(home), "COLUMNS": "160"}
    return lambda *arguments: CliRunner().invoke(app, arguments, env=settings)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corner shop, its last day moved to today, trained once. No test may change it."""
    home = tmp_path_factory.mktemp("trained")
    database = open_database(f"sqlite:///{home / 'endcap.sqlite3'}")
    stock(database, corner_shop(), later=datetime.now(UTC) - NOW)
    database.close()
    (home / "training.toml").write_text(CONFIG)
    ran = endcap_in(home)("train", "--config", str(home / "training.toml"))
    assert ran.exit_code == 0, ran.output
    (home / "said").write_text(ran.output)
    return home


@pytest.fixture
def endcap(trained_home: Path) -> Endcap:
    """The command in the trained home: for what changes nothing."""
    return endcap_in(trained_home)


@pytest.fixture
def own_home(trained_home: Path, tmp_path: Path) -> Path:
    """A copy of the trained home, for what changes it."""
    return Path(shutil.copytree(trained_home, tmp_path / "home"))
