"""Measure a trial, and the champion's recipe beside it, and hear what the gate says."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import BundleError, InputError, RecommenderError, TrainingError
from models.placement import Placement
from store.bundles.manifest import Manifest
from store.bundles.published import PublishedBundles
from training.compare import of_tasks, rival_of
from training.config import Recipe, recipe_of
from training.evaluate.comparison import paired_tests
from training.evaluate.lists import ENDCAP, POPULAR_EVER, POPULAR_LATELY, Rival
from training.evaluate.protocols import TASKS, TEMPORAL
from training.evaluate.table import Options, Table
from training.evaluate.temporal import temporal
from training.gate import CHAMPION, beats_popularity, keeps_its_figures, not_below_champion, recorded_figures
from training.progress import Steps
from training.ranking import one_per_task
from training.read import ShopData
from training.trial import Trial

PROCESSES = 2


@dataclass(frozen=True)
class Judged:
    """What the gate measured and what it says."""

    table: Table
    refusals: tuple[str, ...]
    """Why this should not be published; empty = it may."""

    def figures(self) -> dict[str, float]:
        """Return what a bundle keeps for the next gate."""
        return recorded_figures(self.table)


def judge(
    trial: Trial,
    shop: ShopData,
    recipe: Recipe,
    placements: Mapping[str, Placement],
    bundles: PublishedBundles,
    steps: Steps,
) -> Judged:
    """Judge a trial against popularity, and against the champion.

    The champion's recipe, when it is another one, is fitted on the same past and measured on the same horizon; when it
    is the same, its recorded figures are what must not fall.
    """
    champion = _champion(bundles, steps)
    rivals: dict[str, Rival] = {}
    theirs = None if champion is None else _recipe_of(champion, steps)
    # The checks look at the data and change nothing of what is learned from it.
    same = theirs is not None and theirs.model_copy(update={"checks": recipe.checks}) == recipe
    if theirs is not None and not same:
        try:
            with steps.step("fit the champion's recipe on the same past"):
                asked = of_tasks(placements, TASKS[TEMPORAL])
                rivals[CHAMPION] = rival_of(shop, theirs, asked, trial.split.held_out.cutoff_us, steps)
        except (TrainingError, InputError) as error:
            steps.warn(f"the champion's recipe cannot be fitted on this data, nothing is compared with it: {error}")
    models = (ENDCAP, POPULAR_EVER, POPULAR_LATELY)
    options = Options(seed=recipe.seed, models=models, processes=PROCESSES, rivals=rivals)
    with steps.step("measure on the last horizon"):
        table = temporal(trial.snapshot, trial.split, one_per_task(placements), options)
    refusals = beats_popularity(table)
    if rivals:
        refusals += not_below_champion(paired_tests(table, ENDCAP, CHAMPION, recipe.seed))
    elif champion is not None and same:
        refusals += keeps_its_figures(table, champion.metrics.figures, recipe.gate.max_fall)
    return Judged(table, tuple(refusals))


def _champion(bundles: PublishedBundles, steps: Steps) -> Manifest | None:
    try:
        pointer = bundles.pointer()
        return None if pointer is None else bundles.manifest(pointer.champion)
    except BundleError as error:
        steps.warn(f"the champion cannot be compared with: {error}")
        return None


def _recipe_of(champion: Manifest, steps: Steps) -> Recipe | None:
    """Return the champion's recipe; None if this Endcap no longer knows its keys."""
    try:
        return recipe_of(champion.recipe, f"bundle {champion.version}")
    except RecommenderError as error:
        steps.warn(f"the champion's recipe cannot be fitted any more: {error}")
        return None
