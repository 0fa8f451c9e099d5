"""endcap evaluate: measure the served blend and its rivals on what shoppers did later."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.settings import read_settings
from models.errors import ConfigurationError, InputError
from models.placement import Placement, Task
from models.sources import SOURCES
from store.opening import open_database
from store.placements import read_placements
from training.config import read_recipe
from training.cutoff import mapped_cutoff, stored_shift_us
from training.data_end import data_end_us
from training.evaluate.held_out import hold_out, refuse_nothing_to_find
from training.evaluate.lists import ENDCAP, POPULAR_EVER, POPULAR_LATELY, RULED
from training.evaluate.protocols import PROTOCOLS
from training.evaluate.report import NOTE, as_json, as_tables
from training.evaluate.table import Options, Table
from training.fitting import one_per_task
from training.progress import Steps
from training.read import ShopData, read_shop
from training.trial import Trial, fit_trial

app = typer.Typer(add_completion=False)

EVERY = "every"
STANDARD_OUTPUT = "-"


@app.command()
def evaluate(
    *,
    protocol: Annotated[
        str, typer.Option(help=f"One of {', '.join(PROTOCOLS)}; or {EVERY}: all that the data allows.")
    ] = EVERY,
    cutoff: Annotated[
        str, typer.Option(help="A date of the data as it came, or -28d. Default: one horizon before the end.")
    ] = "",
    horizon_days: Annotated[
        int | None, typer.Option(min=1, help="Days after the cutoff to measure on. Default: the training file's.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The training's TOML file; without it, the defaults.")] = None,
    models: Annotated[
        str, typer.Option(help="Rows by name or first word, with commas: endcap,popular. Default: all.")
    ] = "",
    json_path: Annotated[
        str | None,
        typer.Option("--json", metavar="PATH", help="Write every figure as JSON too; - prints nothing else."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="Default: one a core. Changes no figure.")
    ] = None,
) -> None:
    """Fit the recipe as of a cutoff and measure it on what shoppers bought after that. Publishes nothing."""
    protocols = _protocols_of(protocol)
    wanted = _models_of(models)
    _refuse_unwritable(json_path)
    settings, recipe = read_settings(), read_recipe(config)
    placements = read_placements(settings.placements)
    console = Console(stderr=json_path == STANDARD_OUTPUT)
    steps, days = Steps(console), horizon_days or recipe.horizon_days
    with steps.step("read"):
        shop, cutoff_us = _read(settings.database_url, cutoff or f"-{days}d")
    refuse_nothing_to_find(shop, cutoff_us, days)
    started = perf_counter()
    trial = fit_trial(shop, recipe, placements, cutoff_us, steps)
    fit_seconds = perf_counter() - started
    if days != recipe.horizon_days:
        trial = Trial(hold_out(shop, trial.split.past, days), trial.sources, trial.blends)
    with _progress(console) as progress:
        options = Options(recipe.seed, wanted, processes or os.cpu_count() or 1, progress)
        tables = _measure(trial, protocols, one_per_task(placements), options, console)
    console.print(*map(as_tables, tables), NOTE, sep="\n", highlight=False)
    _write(json_path, tables, fit_seconds)


def _measure(
    trial: Trial, protocols: tuple[str, ...], placements: Mapping[Task, Placement], options: Options, console: Console
) -> list[Table]:
    """Run the protocols; of several, one that the data does not allow is told and left out."""
    tables, refusals = [], []
    for name in protocols:
        try:
            tables.append(PROTOCOLS[name](trial.snapshot, trial.split, placements, options))
        except InputError as error:
            refusals.append(error)
            console.print(f"[yellow]protocol {name} is left out:[/yellow] {error}", highlight=False)
    if not tables:
        raise refusals[0]
    return tables


def _read(database_url: str, cutoff: str) -> tuple[ShopData, int]:
    """Read the shop, and what the cutoff means in its times."""
    database = open_database(database_url)
    shop = read_shop(database)
    with database.reading() as connection:
        shift_us = stored_shift_us(connection)
    end_us = data_end_us(shop.events, datetime.now(UTC)) - 1
    return shop, mapped_cutoff(cutoff, shift_us=shift_us, data_end_us=end_us)


def _protocols_of(asked: str) -> tuple[str, ...]:
    """Return the protocols to run, in order. Raises ConfigurationError naming those that there are."""
    if asked != EVERY and asked not in PROTOCOLS:
        raise ConfigurationError(f"there is no protocol {asked!r}; there are: {', '.join(PROTOCOLS)}, and {EVERY}")
    return tuple(PROTOCOLS) if asked == EVERY else (asked,)


def _models_of(asked: str) -> tuple[str, ...] | None:
    """Return the rows that are wanted, None for all. Raises ConfigurationError naming the nearest one."""
    names = tuple(name.strip() for name in asked.split(",") if name.strip())
    known = (ENDCAP, RULED, *SOURCES, POPULAR_EVER, POPULAR_LATELY)
    for name in names:
        if name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ConfigurationError(
                f"there is no model {name!r} to measure; did you mean {nearest!r}? There are: {', '.join(known)}"
            )
    return names or None


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar a task; it disappears when all is measured."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        bar_of = {}

        def progress(task: str, done: int, total: int) -> None:
            if task not in bar_of:
                bar_of[task] = bars.add_task(f"task {task}")
            bars.update(bar_of[task], completed=done, total=total)

        yield progress


def _refuse_unwritable(path: str | None) -> None:
    """Raise InputError before minutes of work rather than after."""
    if path not in {None, STANDARD_OUTPUT} and not Path(str(path)).resolve().parent.is_dir():
        raise InputError(f"the folder of {path} is not there; make it, or choose another --json")


def _write(path: str | None, tables: list[Table], fit_seconds: float) -> None:
    if path is None:
        return
    text = json.dumps(as_json(tables, fit_seconds), indent=2)
    if path == STANDARD_OUTPUT:
        typer.echo(text)
        return
    try:
        Path(path).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the figures to {path}: {error.strerror}; choose another --json") from error
