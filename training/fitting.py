"""What one recipe learns before one moment: every source, and what is counted of every item."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from models.catalogue import Catalogue
from models.errors import LearnedNothingError, TrainingError
from models.facts import Facts
from models.learned import LearnedRanker
from models.placement import Task
from models.rank import Ranker
from models.snapshot import Snapshot
from models.sources import SOURCES
from models.sources.base import Learned
from training.catalogue import catalogue_of
from training.cleaning.run import clean_before
from training.config import Recipe
from training.data import TrainingData, prepare
from training.facts import facts_of
from training.fit import fit_of
from training.progress import Steps
from training.read import ShopData


@dataclass(frozen=True)
class FittedSources:
    """What the sources of a recipe learned before a moment."""

    data: TrainingData
    catalogue: Catalogue
    """In bundle rows."""
    learned: Mapping[str, Learned]
    left_out: Mapping[str, str]
    """Source -> why it learned nothing."""
    facts: Facts

    def snapshot(self, rankers: Mapping[Task, Ranker]) -> Snapshot:
        """Return what answers requests from these sources."""
        return Snapshot(
            version="being trained",
            catalogue=self.catalogue,
            sources={name: SOURCES[name].load(learned) for name, learned in self.learned.items()},
            rankers={
                task: ranker.over(self.facts) if isinstance(ranker, LearnedRanker) else ranker
                for task, ranker in rankers.items()
            },
            memory=self.data.memory,
            data_until_us=self.data.until_us,
        )


def lay_out(shop: ShopData, recipe: Recipe, until_us: int, *, timeless: bool = False) -> TrainingData:
    """Lay a shop's events before `until_us` out as the recipe says; they are cleaned here, and nowhere else.

    timeless: as `TrainingData` says.
    """
    cleaned, _ = clean_before(shop, recipe.cleaning, until_us, timeless=timeless)
    return prepare(
        cleaned.events,
        cleaned.items,
        until_us=until_us,
        memory=recipe.memory.memory(),
        min_shoppers=recipe.min_shoppers,
        max_warm_items=recipe.max_warm_items,
        seed=recipe.seed,
        timeless=timeless,
    )


def fit_sources(data: TrainingData, recipe: Recipe, steps: Steps) -> FittedSources:
    """Fit every source of the recipe.

    A source that learns nothing is left out, and its reason kept; one that the same data was asked for before, under
    the same settings, is not fitted again. Raises TrainingError when all learn nothing.
    """
    learned, left_out = {}, {}
    for name in recipe.sources:
        fit, settings = fit_of(name).fit, recipe.source_settings(name)
        try:
            with steps.step(name):
                learned[name] = data.once(("learned", name, settings.model_dump_json()), partial(fit, data, settings))
        except LearnedNothingError as error:
            left_out[name] = str(error)
            steps.warn(str(error))
    if not learned:
        raise TrainingError("no source learned anything: " + "; ".join(left_out.values()))
    return FittedSources(data, catalogue_of(data.items, data.vocabulary), learned, left_out, facts_of(data))
