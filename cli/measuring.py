"""What every command that measures has in common: names of protocols, bars of progress, figures as JSON."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.errors import ConfigurationError, InputError
from training.evaluate.protocols import NAMES, PROTOCOLS

EVERY = "every"
STANDARD_OUTPUT = "-"

Protocol: TypeAlias = Annotated[
    str, typer.Option(help=f"One of {', '.join(NAMES)}; or {EVERY}: {' and '.join(PROTOCOLS)}, of one fit.")
]
Cutoff: TypeAlias = Annotated[
    str, typer.Option(help="A date of the data as it came, or -28d. Default: one horizon before the end.")
]
HorizonDays: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="Days to measure on. Default: the training file's, at most a third of the data's."),
]
JsonPath: TypeAlias = Annotated[
    str | None, typer.Option("--json", metavar="PATH", help="Write every figure as JSON too; - prints nothing else.")
]
Processes: TypeAlias = Annotated[
    int | None, typer.Option(min=1, max=256, help="Default: one a core. Changes no figure.")
]


def processes_of(asked: int | None) -> int:
    """Return how many processes measure: as many as asked for, else one a core."""
    return asked or os.cpu_count() or 1


def protocols_of(asked: str) -> tuple[str, ...]:
    """Return the protocols to run, in order. Raises ConfigurationError naming those that there are."""
    if asked != EVERY and asked not in NAMES:
        raise ConfigurationError(f"there is no protocol {asked!r}; there are: {', '.join(NAMES)}, and {EVERY}")
    return tuple(PROTOCOLS) if asked == EVERY else (asked,)


@contextmanager
def progress_bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar a task; it disappears when all is measured."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        bar_of = {}

        def progress(task: str, done: int, total: int) -> None:
            if task not in bar_of:
                bar_of[task] = bars.add_task(f"task {task}")
            bars.update(bar_of[task], completed=done, total=total)

        yield progress


def refuse_unwritable(path: str | None, option: str = "--json") -> None:
    """Raise InputError before minutes of work rather than after."""
    if path not in {None, STANDARD_OUTPUT} and not Path(str(path)).resolve().parent.is_dir():
        raise InputError(f"the folder of {path} is not there; make it, or choose another {option}")


def write_json(path: str | None, told: dict[str, Any]) -> None:
    """Write figures to a file, or to standard output. Raises InputError if the file cannot be written."""
    if path is None:
        return
    text = json.dumps(told, indent=2, ensure_ascii=False)
    if path == STANDARD_OUTPUT:
        typer.echo(text)
        return
    try:
        Path(path).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the figures to {path}: {error.strerror}; choose another --json") from error
