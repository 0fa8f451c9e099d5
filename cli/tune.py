"""endcap tune: look for a better recipe on the days before the test, and write it as a training file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from cli.given import EventsFile, Files, ItemsFile, Mapping, TestFile, Timezone, TrainFile, read_given
from cli.measuring import EVERY, HorizonDays, Processes, processes_of, protocols_of, refuse_unwritable
from cli.settings import read_settings
from models.errors import InputError
from store.files import replaced_whole
from store.placements import read_placements
from training.config import read_recipe
from training.evaluate.leave_one_out import Setting
from training.evaluate.protocols import NAMES, TEMPORAL
from training.evaluate.table import Options
from training.progress import Steps
from training.tuning.run import Limits, Standing, Tuned
from training.tuning.run import tune as run_study
from training.tuning.space import space_of
from training.tuning.trials import Bench
from training.tuning.validation import before_the_test
from training.tuning.written import as_training_file

app = typer.Typer(add_completion=False)

STUDIES = "studies"
"""Folder in ENDCAP_HOME."""
_NAMED = 5
"""Keys that are named one by one."""


Config: TypeAlias = Annotated[Path | None, typer.Option(help="The training file to begin with. Default: the defaults.")]
Output: TypeAlias = Annotated[Path, typer.Option(help="Where to write the better training file.")]
Only: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME,...", help="Vary only these: sources, or tables such as memory, blend, ranker.")
]
Goal: TypeAlias = Annotated[str, typer.Option(help=f"What to be good at: one of {', '.join(NAMES)}; or {EVERY}.")]
TestBegins: TypeAlias = Annotated[
    str, typer.Option(help="Where the test begins, which tuning never sees. Default: one horizon before the end.")
]
Study: TypeAlias = Annotated[str, typer.Option(help="The study's name; one that is there is resumed.")]
Trials: TypeAlias = Annotated[int, typer.Option(min=0, max=100_000, help="Recipes to try in this run.")]
Minutes: TypeAlias = Annotated[
    float | None, typer.Option(min=0, help="No trial begins after so many minutes. Default: no limit.")
]


@app.command()
def tune(
    *,
    config: Config = None,
    output: Output = Path("tuned.toml"),
    only: Only = "",
    protocol: Goal = TEMPORAL,
    events: EventsFile = None,
    items: ItemsFile = None,
    train: TrainFile = None,
    test: TestFile = None,
    mapping: Mapping = None,
    timezone: Timezone = None,
    cutoff: TestBegins = "",
    horizon_days: HorizonDays = None,
    study: Study = "tuning",
    trials: Trials = 50,
    minutes: Minutes = None,
    processes: Processes = None,
) -> None:
    """Look for a better recipe on validation days only. Publishes nothing: train with the file that is written."""
    protocols = protocols_of(protocol)
    refuse_unwritable(str(output), "--output")
    settings, recipe = read_settings(), read_recipe(config)
    knobs = space_of(recipe, [name.strip() for name in only.split(",") if name.strip()])
    console = Console()
    steps = Steps(console)
    with steps.step("read"):
        read = read_given(
            Files(events, items, train, test, tuple(mapping or ()), timezone), settings.database_url, steps
        )
        given = read.given(recipe, cutoff, horizon_days, Setting())
        validation = before_the_test(protocols, given, recipe)
    bench = Bench(
        recipe=recipe,
        knobs=knobs,
        given=validation,
        protocols=protocols,
        placements=read_placements(settings.placements),
        options=Options(recipe.seed, processes=processes_of(processes)),
    )
    limits = Limits(trials, None if minutes is None else minutes * 60)
    keys = ", ".join(knob.path for knob in knobs) if len(knobs) <= _NAMED else f"{len(knobs)} keys"
    console.print(f"study {study}: {keys}; {protocol}, on what comes before the test", highlight=False)
    found = run_study(
        bench, settings.home / STUDIES, study, limits, _progress(console, output, (study, protocol, only))
    )
    _conclude(console, found, output, (study, protocol, only))


def _progress(console: Console, output: Path, told: tuple[str, str, str]) -> Callable[[Standing, Tuned], None]:
    """Return what prints a line a trial, and writes the training file whenever a trial is the best so far."""

    def progress(standing: Standing, found: Tuned) -> None:
        figure = "" if standing.figure is None else f" {standing.figure:.4f}"
        outcome = {"COMPLETE": "", "PRUNED": " after its first stage, pruned", "FAIL": f" failed: {standing.why}"}
        console.print(
            f"trial {standing.number}:{figure}{outcome[standing.outcome]}; best {standing.best:.4f} "
            f"(trial {standing.best_number}); {standing.seconds:.0f} s",
            highlight=False,
            markup=False,
        )
        if standing.best_number == standing.number and found.is_better:
            _write(output, found, told)

    return progress


def _conclude(console: Console, found: Tuned, output: Path, told: tuple[str, str, str]) -> None:
    counts = ", ".join(f"{count} {state.lower()}" for state, count in found.counts.items())
    if not found.is_better:
        console.print(f"no better recipe in {counts}: nothing was written", highlight=False)
        return
    _write(output, found, told)
    console.print(
        f"{found.figure:.4f} instead of {found.base_figure:.4f} on validation ({counts}); written to {output}",
        highlight=False,
        markup=False,
    )
    console.print(f"next: endcap compare {output} champion, or endcap train --config {output}", highlight=False)


def _write(path: Path, found: Tuned, told: tuple[str, str, str]) -> None:
    study, protocol, only = told
    remarks = (
        f"endcap tune, {datetime.now(UTC):%Y-%m-%d}, study {study}: protocol {protocol}, on what comes before the test",
        f"Geometric mean over its tasks: {found.figure:.4f}, of the recipe it began with {found.base_figure:.4f}.",
        f"Trial {found.number} of {sum(found.counts.values())}{f'; varied: {only}' if only else ''}.",
    )
    try:
        with replaced_whole(path, mode=0o666) as partial:
            partial.write_text(as_training_file(found.recipe, remarks), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another --output") from error
