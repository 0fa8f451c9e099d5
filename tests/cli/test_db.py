"""endcap db works from the shell on the database that the settings name."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from store.events import append_events, data_window
from store.opening import open_database
from tests.store.rows import event_rows


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "var"))
    return tmp_path / "var"


def run(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, ["db", *arguments])
    assert result.exit_code == exit_code, result.output
    return result.output


def test_a_database_can_be_upgraded_backed_up_and_restored(home: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{home / 'endcap.sqlite3'}"
    backup = str(tmp_path / "shop.backup")
    assert "is at schema revision" in run("upgrade")
    run("backup", backup)
    with open_database(url).writing() as connection:
        append_events(connection, event_rows(3))
    assert "restore with --replace" in run("restore", backup, exit_code=1)
    assert "restored" in run("restore", backup, "--replace")
    with open_database(url).reading() as connection:
        assert data_window(connection).n_events == 0
