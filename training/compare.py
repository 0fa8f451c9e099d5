"""Recipe against recipe: both fitted on one past, asked the same questions, tested on the same answers.

A bundle was fitted on everything there was, so it has seen every day before its end. Bundles are compared as they are
only on days that are later than what either of them has seen.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from models.errors import InputError, TrainingError
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.catalogue import catalogue_of
from training.config import Recipe
from training.data import TrainingData
from training.evaluate.lists import Rival
from training.evaluate.protocols import Given, Measure, Staged, staged
from training.evaluate.table import Options, Table
from training.fitting import lay_out
from training.progress import Steps
from training.ranking import one_per_task
from training.read import ShopData
from training.trial import fit_stages, fit_trial

ONE: Final = "A"
OTHER: Final = "B"
"""The rows of the two sides."""


@dataclass(frozen=True)
class Side:
    """One of two that are compared."""

    name: str
    """As the person wrote it."""
    recipe: Recipe
    published: Snapshot | None = None
    """The bundle, where that is compared and not its recipe."""


def rival_of(
    shop: ShopData, recipe: Recipe, placements: Mapping[str, Placement], cutoff_us: int, steps: Steps
) -> Rival:
    """Fit a recipe as of a cutoff, to be asked what a trial of another recipe is asked.

    placements: of the tasks that are asked. Raises TrainingError or InputError if it cannot be fitted on this past.
    """
    trial = fit_trial(shop, recipe, placements, cutoff_us, steps)
    return Rival(trial.snapshot, trial.split.past)


def of_tasks(placements: Mapping[str, Placement], tasks: Collection[Task]) -> dict[str, Placement]:
    """Return the placements of some tasks: rankings of others need not be fitted."""
    return {name: placement for name, placement in placements.items() if placement.task in tasks}


def measure_both(
    sides: tuple[Side, Side],
    given: Given,
    protocols: Sequence[str],
    placements: Mapping[str, Placement],
    options: Options,
    steps: Steps,
) -> list[Table]:
    """Return a table a protocol, with the rows ONE and OTHER; of several, a protocol that the data refuses is told.

    protocols: one, or several that share their stages. Raises TrainingError naming a side that cannot be fitted on this
    past, InputError if there is nothing to measure on.
    """
    stages = [stages_of(side.recipe, given, protocols, options.seed) for side in sides]
    rivals = {}
    for row, side, own in zip((ONE, OTHER), sides, stages, strict=True):
        with steps.step(f"{row}: {side.name}"):
            if own.fewer and side.published is None:
                steps.warn(own.fewer)
            rivals[row] = _rival_of(side, own, placements, steps)
    tables, refusals = [], []
    for name, measure in stages[0].measures.items():
        try:
            tables.append(measure_rivals(measure, rivals, placements, options))
        except InputError as error:
            refusals.append(error)
            steps.warn(f"protocol {name} is left out: {error}")
    if not tables:
        raise refusals[0]
    return tables


def measure_rivals(
    measure: Measure, rivals: Mapping[str, Rival], placements: Mapping[str, Placement], options: Options
) -> Table:
    """Measure rivals and nothing else; the first one's past says what the rows of all lists are."""
    past = next(iter(rivals.values())).past
    # A snapshot that answers nothing, and has no row of its own.
    silent = Snapshot(
        version="nothing",
        catalogue=catalogue_of(past.items, past.vocabulary),
        sources={},
        rankers={},
        memory=past.memory,
        data_until_us=past.until_us,
    )
    return measure(silent, placements=one_per_task(placements), options=replace(options, models=(), rivals=rivals))


def stages_of(recipe: Recipe, given: Given, protocols: Sequence[str], seed: int) -> Staged:
    """Cut the shop as a recipe sees it: its own horizons to learn from, the same days to be measured on."""
    own = replace(given, learning_days=recipe.horizon_days, horizons=recipe.ranker.horizons)
    lays_out = partial(_lay_out, recipe)
    return staged(protocols, own, recipe.memory.memory(), lays_out, seed)


def _lay_out(recipe: Recipe, shop: ShopData, until_us: int, *, timeless: bool = False) -> TrainingData:
    return lay_out(shop, recipe, until_us, timeless=timeless)


def _rival_of(side: Side, stages: Staged, placements: Mapping[str, Placement], steps: Steps) -> Rival:
    if side.published is not None:
        return Rival(side.published, stages.testing.past)
    asked = of_tasks(placements, stages.tasks)
    try:
        snapshot = fit_stages(stages.learning, stages.testing, side.recipe, asked, steps)
    except (TrainingError, InputError) as error:
        raise TrainingError(f"{side.name} cannot be fitted on what comes before the test: {error}") from error
    return Rival(snapshot, stages.testing.past)
