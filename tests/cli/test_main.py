import sys
from importlib.metadata import version
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

from cli.main import COMMANDS, LazyCommand, app, load
from models.errors import InputError

runner = CliRunner()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that refuses, and one whose library is not installed."""
    refusing = typer.Typer(add_completion=False)

    @refusing.command()
    def refuse() -> None:
        message = "line 3 of events.csv has no item_id; add it or drop the line"
        raise InputError(message)

    module = ModuleType("endcap_test_refuse")
    monkeypatch.setattr(module, "app", refusing, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "refuse", LazyCommand("endcap_test_refuse", "Refuse."))
    monkeypatch.setitem(COMMANDS, "bare", LazyCommand("a_library_that_is_not_there", "Need a library."))


@pytest.mark.usefixtures("broken")
def test_a_refusal_is_one_line_on_stderr_and_exit_code_1() -> None:
    result = runner.invoke(app, ["refuse"])
    assert result.exit_code == 1
    assert result.stderr == "endcap: line 3 of events.csv has no item_id; add it or drop the line\n"
    assert result.stdout == ""


@pytest.mark.usefixtures("broken")
def test_a_missing_library_names_the_extra_that_brings_it() -> None:
    result = runner.invoke(app, ["bare"])
    assert result.exit_code == 1
    assert "`endcap bare` needs a_library_that_is_not_there" in result.stderr
    assert "`train` extra" in result.stderr


def test_a_misspelt_command_names_the_nearest() -> None:
    result = runner.invoke(app, ["recomend"])
    assert result.exit_code == 2
    assert "Did you mean 'recommend'?" in result.stderr


def test_version_is_that_of_the_installed_package() -> None:
    assert runner.invoke(app, ["--version"]).stdout == f"endcap {version('endcap')}\n"


def test_help_lists_every_command_with_its_summary() -> None:
    shown = runner.invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    for name, command in COMMANDS.items():
        assert name in shown
        assert command.summary in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_help(name: str) -> None:
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"endcap {name}" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_completion_is_installed_from_the_root_only(name: str) -> None:
    assert not {"install_completion", "show_completion"} & {parameter.name for parameter in load(name).params}
