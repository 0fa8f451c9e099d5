"""What one recipe learns before one moment: every source, and what is counted of every item."""

import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from threadpoolctl import threadpool_limits

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

THREADS = 2
"""Sources that are fitted side by side. Changes speed and memory only."""


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
    fits = [_Fit.of(name, data, recipe) for name in recipe.sources]
    # A fit spends its time in NumPy, SciPy and implicit, which let other threads run. implicit has threads of its own;
    # BLAS threads beneath either are slower, and sums differ in the last bits with their number. One BLAS here counts
    # for all threads, another for each thread.
    limit = partial(threadpool_limits, 1, "blas")
    with limit(), ThreadPoolExecutor(THREADS, initializer=limit) as pool:
        for name, (found, seconds) in zip(recipe.sources, pool.map(_Fit.timed, fits), strict=True):
            steps.took(name, seconds)
            if isinstance(found, LearnedNothingError):
                left_out[name] = str(found)
                steps.warn(str(found))
            else:
                learned[name] = found
    if not learned:
        raise TrainingError("no source learned anything: " + "; ".join(left_out.values()))
    return FittedSources(data, catalogue_of(data.items, data.vocabulary), learned, left_out, facts_of(data))


@dataclass(frozen=True)
class _Fit:
    """One source, about to be fitted. What fits it is imported by now: limits of threads hold for what is loaded."""

    key: Hashable
    data: TrainingData
    fit: Callable[[], Learned]

    @classmethod
    def of(cls, source: str, data: TrainingData, recipe: Recipe) -> "_Fit":
        settings = recipe.source_settings(source)
        key = ("learned", source, settings.model_dump_json())
        return cls(key, data, partial(fit_of(source).fit, data, settings))

    def timed(self) -> tuple[Learned | LearnedNothingError, float]:
        """Return what the source learned, or why it learned nothing, and the seconds that it took."""
        began = time.perf_counter()
        try:
            found: Learned | LearnedNothingError = self.data.once(self.key, self.fit)
        except LearnedNothingError as error:
            found = error
        return found, time.perf_counter() - began
