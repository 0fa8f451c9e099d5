"""A trial: one recipe fitted as if today were a cutoff, so that what came after can judge it."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.arrays import DAY_US
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.blend import FittedBlend
from training.config import Recipe
from training.evaluate.after import stage_of
from training.evaluate.held_out import Split, hold_out, known_before, refuse_nothing_to_find
from training.fitting import FittedSources, fit_blends, fit_sources, lay_out, rankers_of
from training.progress import Steps
from training.read import ShopData


@dataclass(frozen=True)
class Trial:
    """A recipe fitted as of a cutoff, and what it is measured on."""

    split: Split
    """Cut at the cutoff."""
    sources: FittedSources
    """Fitted on the split's past."""
    blends: Mapping[Task, FittedBlend]
    """Fitted one horizon earlier, on what came then."""

    @property
    def snapshot(self) -> Snapshot:
        """Return what is measured on the split's horizon."""
        return self.sources.snapshot(rankers_of(self.blends))

    def refit_blends(
        self, recipe: Recipe, placements: Mapping[str, Placement], steps: Steps
    ) -> dict[Task, FittedBlend]:
        """Fit the blends again, one horizon later: on the days that judged this trial."""
        return fit_blends(
            self.sources, stage_of(self.split, recipe.seed), recipe, placements, steps, earlier=self.blends
        )


def fit_trial(
    shop: ShopData, recipe: Recipe, placements: Mapping[str, Placement], cutoff_us: int, steps: Steps
) -> Trial:
    """Fit a recipe as of a cutoff: blends on the horizon before it, sources on all the time before it.

    Raises TrainingError or InputError when there is nothing before the earlier cutoff, or nothing was bought after one.
    """
    earlier = _split(shop, recipe, cutoff_us - recipe.horizon_days * DAY_US)
    learning = stage_of(earlier, recipe.seed)
    blends = fit_blends(fit_sources(learning.past, recipe, steps), learning, recipe, placements, steps)
    split = _split(shop, recipe, cutoff_us)
    return Trial(split, fit_sources(split.past, recipe, steps), blends)


def _split(shop: ShopData, recipe: Recipe, cutoff_us: int) -> Split:
    refuse_nothing_to_find(shop, cutoff_us, recipe.horizon_days)
    past = lay_out(known_before(shop, cutoff_us), recipe, cutoff_us)
    return hold_out(shop, past, recipe.horizon_days)
