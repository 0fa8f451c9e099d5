"""endcap import: bring events, items and users in, from files or a known data set."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.settings import Settings, read_settings
from store.database import Database
from store.opening import open_database
from training.importing.complete_journey import find_complete_journey
from training.importing.fields import Reading, check_timezone, read_mapping
from training.importing.files import open_file
from training.importing.online_retail import online_retail as online_retail_jobs
from training.importing.run import Job, Outcome, Watcher, run_import
from training.importing.shift import decide_shift
from training.importing.tables import TableName, fields_of

app = typer.Typer(add_completion=False, no_args_is_help=True)

FilePath: TypeAlias = Annotated[Path, typer.Argument(help="A .parquet, .csv, .jsonl or .ndjson file.")]
Mapping: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COLUMN,...", help="What the file calls a field, such as user_id=CustomerID,ts=Date."
    ),
]
Timezone: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ZONE", help="The zone of times without one, such as Europe/London.")
]


@app.command()
def events(path: FilePath, mapping: Mapping = None, timezone: Timezone = None) -> None:
    """Bring in what shoppers did: views, carts, purchases and the rest."""
    _import_file("events", path, mapping, timezone)


@app.command()
def items(path: FilePath, mapping: Mapping = None, timezone: Timezone = None) -> None:
    """Bring the catalogue in; an item that is there already is replaced."""
    _import_file("items", path, mapping, timezone)


@app.command()
def users(path: FilePath, mapping: Mapping = None, timezone: Timezone = None) -> None:
    """Bring in what the shop knows about its users; a user who is there already is replaced."""
    _import_file("users", path, mapping, timezone)


@app.command()
def complete_journey(
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Leave the times in 2017 instead of moving them to end last week.")
    ] = False,
) -> None:
    """Bring in the demo data: The Complete Journey, a year of a real grocer's sales to 2,469 households."""
    journey = find_complete_journey()
    settings, now_us = read_settings(), _now_us()
    database = open_database(settings.database_url)
    weeks = decide_shift(database, data_end_us=journey.data_end_us(), now_us=now_us, keep_times=keep_times)
    if weeks:
        typer.echo(f"All times move by {weeks} weeks, weekday and hour kept; this database will always move them so.")
    _import(settings, database, journey.jobs(weeks), now_us)


@app.command()
def online_retail(path: FilePath, timezone: Timezone = None) -> None:
    """Bring in UCI Online Retail, a year of a British gift shop; its times are London's, or those of --timezone."""
    jobs = online_retail_jobs(path, check_timezone(timezone))
    settings = read_settings()
    _import(settings, open_database(settings.database_url), jobs, _now_us())


def _import_file(table: TableName, path: Path, mapping: Iterable[str] | None, timezone: str | None) -> None:
    names = read_mapping(mapping or (), fields_of(table))
    job = Job(table, table, open_file(path), Reading(names, check_timezone(timezone)))
    settings = read_settings()
    _import(settings, open_database(settings.database_url), (job,), _now_us())


def _now_us() -> int:
    return time.time_ns() // 1000


def _import(settings: Settings, database: Database, jobs: Iterable[Job], now_us: int) -> None:
    """Run the imports one after the other, and say what became of the lines; raises the error of a broken file."""
    outcomes = []
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for job in jobs:
            outcomes.append(
                run_import(
                    database,
                    job,
                    settings.home / "rejects",
                    now_us=now_us,
                    watch=_watcher(progress, job),
                )
            )
            if outcomes[-1].broken is not None:
                break
    _print_summary(outcomes)
    if outcomes[-1].broken is not None:
        raise outcomes[-1].broken
    if any(_took_nothing(outcome) for outcome in outcomes):
        raise typer.Exit(1)


def _took_nothing(outcome: Outcome) -> bool:
    return bool(outcome.rejected) and not outcome.accepted and not outcome.duplicates


def _watcher(progress: Progress, job: Job) -> Watcher:
    bar = progress.add_task(job.table, total=1.0)
    return lambda share_done: progress.update(bar, completed=share_done)


def _print_summary(outcomes: Iterable[Outcome]) -> None:
    table = Table("", "accepted", "duplicate", "conflict", "rejected")
    for outcome in outcomes:
        counts = (outcome.accepted, outcome.duplicates, outcome.conflicts, outcome.rejected)
        table.add_row(outcome.job.table, *(f"{count:,}" for count in counts))
    Console().print(table)
    for outcome in outcomes:
        for line in _remarks(outcome):
            typer.echo(line)


def _remarks(outcome: Outcome) -> Iterable[str]:
    """Give what the counts do not tell."""
    if outcome.resumed_after:
        yield f"Went on after line {outcome.resumed_after} of {outcome.job.source.name}, where it had broken off."
    if outcome.unused:
        yield f"Not read: the columns {', '.join(outcome.unused)}; --map FIELD=COLUMN reads one."
    if outcome.rejects_path is not None:
        yield f"The lines that were not taken, with their reasons: {outcome.rejects_path}"
    if not outcome.accepted and not outcome.duplicates and outcome.broken is None:
        yield f"No line of {outcome.job.source.name} was taken; see the reasons, mend the file, or --map its columns."
