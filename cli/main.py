"""The command `endcap`: a table of commands, each in a file of its own that is imported only when it is called.

To add a command, write `cli/NAME.py` with `app = typer.Typer(add_completion=False)` and one `@app.command()` (a plain
command, like `endcap train`) or several (a group, like `endcap models list`), and add a line to COMMANDS below: the
word that a person types, the file, and what `endcap --help` says about it. The file may import what it likes at its
top, since `endcap --help` and the other commands never load it. Read the settings with `cli.settings.read_settings()`.
Refuse by raising an error of `models.errors`: it reaches the person as one line on stderr, and the exit code is 1.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from models.errors import ConfigurationError, RecommenderError

Click: TypeAlias = Any
"""Contexts, commands and results of click, whose classes typer keeps to itself."""

OUR_PACKAGES = ("cli", "models", "service", "store", "training")


class LazyCommand(NamedTuple):
    """What must be known of a command before its file is imported."""

    module: str
    """Module with the command's typer application, named `app`."""
    summary: str
    """One line for `endcap --help`."""


COMMANDS = {
    "import": LazyCommand("cli.importing", "Bring events, items and users in, from files or a known data set."),
    "check": LazyCommand("cli.check", "Check the data: each named check says PASS, WARN or FAIL, and what to do."),
    "train": LazyCommand("cli.train", "Learn from the events and publish a bundle."),
    "evaluate": LazyCommand("cli.evaluate", "Measure models on what shoppers did later."),
    "tune": LazyCommand("cli.tune", "Look for a better recipe on validation days, and write it as a training file."),
    "compare": LazyCommand("cli.compare", "Hold one recipe against another: who gains, who loses, and why."),
    "recommend": LazyCommand("cli.recommend", "Answer one shopper for one placement, with titles and reasons."),
    "serve": LazyCommand("cli.serve", "Answer over HTTP, and take events in."),
    "models": LazyCommand("cli.models", "List, show, report, promote, roll back and prune bundles."),
    "db": LazyCommand("cli.db", "Upgrade, back up and restore the database."),
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called; its help is printed from COMMANDS alone."""

    def __init__(self, **attributes: Click) -> None:
        super().__init__(**attributes)
        for name, command in COMMANDS.items():
            self.add_command(TyperCommand(name=name, help=command.summary))

    def resolve_command(self, ctx: Click, args: list[str]) -> tuple[str | None, Click, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name), rest

    def invoke(self, ctx: Click) -> Click:
        try:
            return super().invoke(ctx)
        except RecommenderError as error:
            typer.echo(f"endcap: {error}", err=True)
            raise typer.Exit(1) from error


def load(name: str) -> Click:
    """Import the command called name and return it in the form that typer runs.

    Raises ConfigurationError if a library is missing because its extra was not installed.
    """
    try:
        module = import_module(COMMANDS[name].module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OUR_PACKAGES:
            raise
        message = f"`endcap {name}` needs {error.name}, which is not installed; install Endcap with its `train` extra"
        raise ConfigurationError(message) from error
    command = typer.main.get_command(module.app)
    command.name = name
    command.help = command.help or COMMANDS[name].summary
    return command


def print_version(wanted: bool) -> None:
    """Answer --version before any command is looked for."""
    if wanted:
        typer.echo(f"endcap {version('endcap')}")
        raise typer.Exit


app = typer.Typer(name="endcap", cls=LazyGroup, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def endcap(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Recommendations for shops: bring events in, learn from them, ask what a shopper should see."""
