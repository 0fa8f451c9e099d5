"""endcap evaluate: measure the served ranking and its rivals on what shoppers did later."""

from collections.abc import Iterable
from collections.abc import Mapping as ByKey
from pathlib import Path
from time import perf_counter
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from cli.given import EventsFile, Files, ItemsFile, Mapping, TestFile, Timezone, TrainFile, read_given
from cli.measuring import (
    EVERY,
    STANDARD_OUTPUT,
    Cutoff,
    HorizonDays,
    JsonPath,
    Processes,
    Protocol,
    processes_of,
    progress_bars,
    protocols_of,
    refuse_unwritable,
    write_json,
)
from cli.settings import read_settings
from models.errors import ConfigurationError, InputError
from models.meant import nearest
from models.placement import Placement, Task
from models.snapshot import Snapshot
from store.placements import read_placements
from training.compare import of_tasks, stages_of
from training.config import read_recipe
from training.evaluate.leave_one_out import LABELS, Setting
from training.evaluate.leave_one_out import NAME as LEAVE_ONE_OUT
from training.evaluate.lists import BLENDED, ENDCAP, POPULAR_EVER, POPULAR_LATELY, RULED
from training.evaluate.next_item import LAST_ITEM, SESSION_ITEMS
from training.evaluate.protocols import Staged
from training.evaluate.report import NOTE, as_json, as_tables
from training.evaluate.table import Options, Table
from training.progress import Steps
from training.ranking import one_per_task
from training.trial import fit_stages

app = typer.Typer(add_completion=False)


RankerLabels: TypeAlias = Annotated[
    str, typer.Option(help=f"{LEAVE_ONE_OUT}: what rankings learn from, {' or '.join(LABELS)}.")
]
Refit: TypeAlias = Annotated[
    bool, typer.Option("--refit", help=f"{LEAVE_ONE_OUT}: sources see the validation item too.")
]
Config: TypeAlias = Annotated[Path | None, typer.Option(help="The training's TOML file; without it, the defaults.")]
Models: TypeAlias = Annotated[
    str, typer.Option(help="Rows by name or first word, with commas: endcap,popular. Default: all.")
]


@app.command()
def evaluate(
    *,
    protocol: Protocol = EVERY,
    events: EventsFile = None,
    items: ItemsFile = None,
    train: TrainFile = None,
    test: TestFile = None,
    mapping: Mapping = None,
    timezone: Timezone = None,
    cutoff: Cutoff = "",
    horizon_days: HorizonDays = None,
    ranker_labels: RankerLabels = LABELS[0],
    refit: Refit = False,
    config: Config = None,
    models: Models = "",
    json_path: JsonPath = None,
    processes: Processes = None,
) -> None:
    """Fit the recipe as of a moment and measure it on what shoppers did after that. Publishes nothing."""
    names, setting = protocols_of(protocol), _setting_of(protocol, ranker_labels, refit=refit)
    refuse_unwritable(json_path)
    settings, recipe = read_settings(), read_recipe(config)
    placements = read_placements(settings.placements)
    wanted = _models_of(models, placements.values())
    console = Console(stderr=json_path == STANDARD_OUTPUT)
    steps = Steps(console)
    with steps.step("read"):
        files = Files(events, items, train, test, tuple(mapping or ()), timezone)
        read = read_given(files, settings.database_url, steps)
        stages = stages_of(recipe, read.given(recipe, cutoff, horizon_days, setting), names, recipe.seed)
    if stages.fewer:
        steps.warn(stages.fewer)
    started = perf_counter()
    snapshot = fit_stages(stages.learning, stages.testing, recipe, of_tasks(placements, stages.tasks), steps)
    fit_seconds = perf_counter() - started
    with progress_bars(console) as progress:
        options = Options(recipe.seed, wanted, processes_of(processes), progress)
        tables = _measure(snapshot, stages, one_per_task(placements), options, console)
    console.print(*map(as_tables, tables), NOTE, sep="\n", highlight=False)
    write_json(json_path, as_json(tables, fit_seconds))


def _measure(
    snapshot: Snapshot, stages: Staged, placements: ByKey[Task, Placement], options: Options, console: Console
) -> list[Table]:
    """Run the protocols; of several, one that the data does not allow is told and left out."""
    tables, refusals = [], []
    for name, measure in stages.measures.items():
        try:
            tables.append(measure(snapshot, placements=placements, options=options))
        except InputError as error:
            refusals.append(error)
            console.print(f"[yellow]protocol {name} is left out:[/yellow] {error}", highlight=False)
    if not tables:
        raise refusals[0]
    return tables


def _setting_of(protocol: str, labels: str, *, refit: bool) -> Setting:
    """Return which leave-one-out it is. Raises ConfigurationError for another protocol, or other labels."""
    of_label = {label: Setting(label, refit) for label in LABELS}
    if labels not in of_label:
        raise ConfigurationError(f"--ranker-labels cannot be {labels!r}; it is one of {', '.join(LABELS)}")
    if of_label[labels] != Setting() and protocol != LEAVE_ONE_OUT:
        raise ConfigurationError(f"--ranker-labels and --refit belong to --protocol {LEAVE_ONE_OUT}")
    return of_label[labels]


def _models_of(asked: str, placements: Iterable[Placement]) -> tuple[str, ...] | None:
    """Return the rows that are wanted, None for all. Raises ConfigurationError naming the nearest one."""
    names = tuple(name.strip() for name in asked.split(",") if name.strip())
    columns = dict.fromkeys(column for placement in placements for column in placement.sources)
    known = (ENDCAP, RULED, BLENDED, *columns, POPULAR_EVER, POPULAR_LATELY, LAST_ITEM, SESSION_ITEMS)
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"there is no model {name!r} to measure; did you mean {nearest(name, known)!r}? "
                f"There are: {', '.join(known)}"
            )
    return names or None
