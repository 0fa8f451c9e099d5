"""One recipe fitted as of one moment: every source on the past, then every task's blend on what came after it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from models.catalogue import Catalogue
from models.errors import LearnedNothingError, TrainingError
from models.placement import Placement, Task
from models.rank import Blend, Ranker
from models.snapshot import Snapshot
from models.sources import SOURCES
from models.sources.base import Learned
from training.blend import FittedBlend, fit_blend
from training.catalogue import catalogue_of
from training.cleaning.run import clean_before
from training.config import Recipe
from training.data import TrainingData, prepare
from training.evaluate.asked import Stage
from training.examples import examples_of
from training.fit import fit_of
from training.processes import spread
from training.progress import Steps
from training.read import ShopData

PROCESSES = 2
"""Tasks whose blends are fitted side by side. Changes speed and memory only."""

FALLBACK: Final = "personal"
"""The task whose blend serves tasks that had nothing to learn from: without it no run succeeds."""


@dataclass(frozen=True)
class FittedSources:
    """What the sources of a recipe learned before a moment."""

    data: TrainingData
    catalogue: Catalogue
    """In bundle rows."""
    learned: Mapping[str, Learned]
    left_out: Mapping[str, str]
    """Source -> why it learned nothing."""

    def snapshot(self, rankers: Mapping[Task, Ranker]) -> Snapshot:
        """Return what answers requests from these sources."""
        return Snapshot(
            version="being trained",
            catalogue=self.catalogue,
            sources={name: SOURCES[name].load(learned) for name, learned in self.learned.items()},
            rankers=rankers,
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
        seed=recipe.seed,
        timeless=timeless,
    )


def fit_sources(data: TrainingData, recipe: Recipe, steps: Steps) -> FittedSources:
    """Fit every source of the recipe.

    A source that learns nothing is left out, and its reason kept. Raises TrainingError when all learn nothing.
    """
    learned, left_out = {}, {}
    for name in recipe.sources:
        try:
            with steps.step(name):
                learned[name] = fit_of(name).fit(data, recipe.source_settings(name))
        except LearnedNothingError as error:
            left_out[name] = str(error)
            steps.warn(str(error))
    if not learned:
        raise TrainingError("no source learned anything: " + "; ".join(left_out.values()))
    return FittedSources(data, catalogue_of(data.items, data.vocabulary), learned, left_out)


def fit_blends(
    fitted: FittedSources,
    stage: Stage,
    recipe: Recipe,
    placements: Mapping[str, Placement],
    steps: Steps,
    earlier: Mapping[Task, FittedBlend] | None = None,
) -> dict[Task, FittedBlend]:
    """Fit each task's blend: candidates from sources that know only the past of the stage, labels from what came then.

    fitted: the sources, fitted on `stage.past`. earlier: the blends of the stage before, to measure how reliable they
    are.
    Raises TrainingError if no candidate was ever right.
    """
    by_task = one_per_task(placements)
    shared = _Fitting(fitted.snapshot({}), stage, recipe, earlier or {})
    blends: dict[Task, FittedBlend] = {}
    with steps.step("blend"), spread(_fit_blend, shared, list(by_task.values()), PROCESSES) as found:
        for task, blend in zip(by_task, found, strict=True):
            if blend is None:
                steps.warn(f"nothing shows what is right for {task}: it is ranked as {fallback_of(by_task)}")
            else:
                blends[task] = blend
    if fallback_of(by_task) not in blends:
        raise TrainingError(
            "none of the candidates was right about what came next, so no ranking can be learned; "
            "import more events, or set a longer horizon_days"
        )
    return blends


@dataclass(frozen=True)
class _Fitting:
    """What the fits of all tasks share."""

    snapshot: Snapshot
    stage: Stage
    recipe: Recipe
    earlier: Mapping[Task, FittedBlend]


def _fit_blend(shared: _Fitting, placement: Placement) -> FittedBlend | None:
    """Fit the blend of one task; None if nothing shows what is right."""
    examples = examples_of(placement, shared.snapshot, shared.stage, shared.recipe)
    if examples is None or not examples.labels.any():
        return None
    earlier = shared.earlier.get(placement.task)
    return fit_blend(examples, placement.task, shared.recipe.blend, earlier.blend if earlier else None)


def rankers_of(blends: Mapping[Task, FittedBlend]) -> dict[Task, Blend]:
    """Return a ranker for every task; one that had nothing to learn from ranks as the task FALLBACK does."""
    return {task: blends.get(task, blends[fallback_of(blends)]).blend for task in get_args(Task)}


def fallback_of(tasks: Collection[Task]) -> Task:
    """Return the task whose ranker serves the others: FALLBACK, or the first where that is not asked for."""
    return FALLBACK if FALLBACK in tasks else next(iter(tasks))


def one_per_task(placements: Mapping[str, Placement]) -> dict[Task, Placement]:
    """Return for each task the first placement of it that asks the most sources: what its blend is fitted for."""
    chosen: dict[Task, Placement] = {}
    for placement in placements.values():
        best = chosen.get(placement.task)
        if best is None or len(placement.sources) > len(best.sources):
            chosen[placement.task] = placement
    return chosen
