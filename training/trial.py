"""A trial: one recipe fitted as if today were a cutoff, so that what came after can judge it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.arrays import DAY_US
from models.errors import InputError, TrainingError
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.config import Recipe
from training.evaluate.after import stage_of
from training.evaluate.asked import Stage
from training.evaluate.held_out import Split, split_at
from training.fitting import FittedSources, fit_sources, lay_out
from training.progress import Steps
from training.ranking import FittedTask, Learning, fit_tasks, rankers_of
from training.read import ShopData


@dataclass(frozen=True)
class Trial:
    """A recipe fitted as of a cutoff, and what it is measured on."""

    split: Split
    """Cut at the cutoff."""
    sources: FittedSources
    """Fitted on the split's past."""
    learnings: Sequence[Learning]
    """What the rankings learned from, oldest first: horizons before the cutoff."""
    tasks: Mapping[Task, FittedTask]

    @property
    def snapshot(self) -> Snapshot:
        """Return what is measured on the split's horizon."""
        return self.sources.snapshot(rankers_of(self.tasks))

    def refit_tasks(self, recipe: Recipe, placements: Mapping[str, Placement], steps: Steps) -> dict[Task, FittedTask]:
        """Fit the rankings again, also on the days that judged this trial: on the recipe's newest horizons."""
        newest = Learning(self.sources, stage_of(self.split, recipe.seed))
        learnings = [*self.learnings, newest][-recipe.ranker.horizons :]
        return fit_tasks(learnings, recipe, placements, steps, earlier=self.tasks)


def fit_trial(
    shop: ShopData, recipe: Recipe, placements: Mapping[str, Placement], cutoff_us: int, steps: Steps
) -> Trial:
    """Fit a recipe as of a cutoff: sources on all the time before it, rankings on the horizons before it.

    Of several horizons one less than the recipe's: the last of them is what the trial is judged on, and `refit_tasks`
    adds it. So a training fits no sources for it that it does not need for something else.
    Raises TrainingError or InputError when there is nothing before the horizon before the cutoff, or nothing was bought
    after one of both.
    """
    learnings = [_learning(shop, recipe, cutoff_us - recipe.horizon_days * DAY_US, steps)]
    for number in range(2, recipe.ranker.horizons):
        try:
            learnings.insert(0, _learning(shop, recipe, cutoff_us - number * recipe.horizon_days * DAY_US, steps))
        except (InputError, TrainingError) as error:
            steps.warn(f"rankings learn from {number} of {recipe.ranker.horizons} horizons: {error}")
            break
    tasks = fit_tasks(learnings, recipe, placements, steps)
    split = _split(shop, recipe, cutoff_us)
    return Trial(split, fit_sources(split.past, recipe, steps), learnings, tasks)


def fit_stages(
    learning: Sequence[Stage], testing: Stage, recipe: Recipe, placements: Mapping[str, Placement], steps: Steps
) -> Snapshot:
    """Return what a recipe learns for the second half of a protocol: sources from its past, rankings from the first.

    learning: oldest first. placements: of the tasks that the protocol measures.
    """
    learnings = [Learning(fit_sources(stage.past, recipe, steps), stage) for stage in learning]
    tasks = fit_tasks(learnings, recipe, placements, steps)
    return fit_sources(testing.past, recipe, steps).snapshot(rankers_of(tasks))


def _split(shop: ShopData, recipe: Recipe, cutoff_us: int) -> Split:
    return split_at(shop, lambda known, until_us: lay_out(known, recipe, until_us), cutoff_us, recipe.horizon_days)


def _learning(shop: ShopData, recipe: Recipe, cutoff_us: int, steps: Steps) -> Learning:
    split = _split(shop, recipe, cutoff_us)
    return Learning(fit_sources(split.past, recipe, steps), stage_of(split, recipe.seed))
