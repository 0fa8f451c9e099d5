"""Every task's ranking, from what came after one or several moments: a blend of the sources, and a ranker over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

import numpy as np

from models.errors import TrainingError
from models.features import Features
from models.placement import Placement, Task
from models.rank import Blend, Ranker
from models.snapshot import Snapshot
from training.blend import FittedBlend, fit_blend
from training.config import Recipe
from training.evaluate.asked import Stage
from training.examples import Answered, answered, examples_of
from training.fitting import FittedSources
from training.processes import spread
from training.progress import Steps
from training.rank.examples import RankExamples, rank_examples
from training.rank.fit import FittedRanker, fit_ranker

PROCESSES = 2
"""Tasks whose rankings are fitted side by side; of one task alone, questions. Changes speed and memory only."""

FALLBACK: Final = "personal"
"""The task whose blend serves tasks that had nothing to learn from, where it was learned."""


@dataclass(frozen=True)
class Learning:
    """Sources that know the past of a stage, and the stage."""

    sources: FittedSources
    stage: Stage


@dataclass(frozen=True)
class FittedTask:
    """How one task is ranked."""

    blend: FittedBlend
    ranker: FittedRanker | None
    """None where too little was right to learn one from: the blend ranks."""

    @property
    def serving(self) -> Ranker:
        """Return what serves."""
        return self.blend.blend if self.ranker is None else self.ranker.ranker

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error of what serves; see `FittedRanker` and `FittedBlend`."""
        return self.blend.calibration_error if self.ranker is None else self.ranker.calibration_error


def fit_tasks(
    learnings: Sequence[Learning],
    recipe: Recipe,
    placements: Mapping[str, Placement],
    steps: Steps,
    earlier: Mapping[Task, FittedTask] | None = None,
) -> dict[Task, FittedTask]:
    """Fit each task of the placements: candidates from sources that know only a past, labels from what came then.

    learnings: oldest first; blends learn from the last one, rankers from all. earlier: what was fitted one stage
    before, to measure how reliable it is.
    Raises TrainingError if no candidate was ever right.
    """
    by_task = pool_of_tasks(placements)
    if recipe.ranker.objective == "revenue" and np.isnan(learnings[-1].sources.data.events.prices).all():
        steps.warn("no event has a price: ranker.objective `revenue` learns what `purchase` does; import prices")
    snapshots = [(one.sources.snapshot({}), one) for one in learnings]
    shared = _Fitting(snapshots, recipe, earlier or {}, PROCESSES if len(by_task) == 1 else 1)
    tasks: dict[Task, FittedTask] = {}
    with steps.step("rankings"), spread(_fit_task, shared, list(by_task.values()), PROCESSES) as found:
        for task, fitted in zip(by_task, found, strict=True):
            if fitted is None:
                steps.warn(f"nothing shows what is right for {task}: it is ranked as another task")
            else:
                tasks[task] = fitted
    if not tasks:
        raise TrainingError(
            "none of the candidates was bought in the validation window, so no ranking can be learned; "
            "import more events, or set a longer horizon_days"
        )
    return tasks


@dataclass(frozen=True)
class _Fitting:
    """What the fits of all tasks share."""

    learnings: Sequence[tuple[Snapshot, Learning]]
    recipe: Recipe
    earlier: Mapping[Task, FittedTask]
    processes: int
    """That one task may take."""


def _fit_task(shared: _Fitting, placement: Placement) -> FittedTask | None:
    """Fit one task; None if nothing shows what is right."""
    recipe, earlier = shared.recipe, shared.earlier.get(placement.task)
    snapshot, newest = shared.learnings[-1]
    asked = newest.stage.ask(placement, snapshot)
    if asked is None:
        return None
    wanted = min(len(asked.questions), recipe.ranker.most_requests(placement.task))
    most = min(wanted, recipe.blend.max_examples)
    found = list(answered(placement, snapshot, newest.stage.past, asked, most, recipe.seed, shared.processes))
    examples = examples_of(found)
    if not examples.labels.any():
        return None
    blend = fit_blend(examples, placement.task, recipe.blend, earlier.blend.blend if earlier else None)
    if earlier and earlier.ranker is None:
        # What was judged was the blend; so the blend it is that serves.
        return FittedTask(blend, None)
    columns = examples.candidates.sources
    # Candidates are large, and the ranker's examples larger: kept are only those that serve for both.
    del examples
    found = found if len(found) == wanted else []
    ranker, before = None, earlier.ranker.ranker if earlier and earlier.ranker else None
    if ranked := _rank_examples(shared, placement, columns, blend.blend, found):
        features = _features(placement, newest.sources, columns)
        ranker = fit_ranker(ranked, blend.blend, features, recipe.ranker, recipe.seed, before)
    return FittedTask(blend, ranker)


def _rank_examples(
    shared: _Fitting, placement: Placement, columns: tuple[str, ...], blend: Blend, newest: Sequence[Answered]
) -> RankExamples | None:
    """Return the examples of all learnings whose facts are of one kind; None where too few of them are right.

    newest: the requests of the last learning, if they are at hand.
    """
    settings, seed, several = shared.recipe.ranker, shared.recipe.seed, []
    at_most = settings.most_requests(placement.task)
    wanted = _features(placement, shared.learnings[-1][1].sources, columns)
    for snapshot, learning in shared.learnings:
        features = _features(placement, learning.sources, columns)
        if features.names != wanted.names:
            continue
        if newest and learning is shared.learnings[-1][1]:
            several.append(rank_examples(newest, len(newest), blend, features, settings, seed))
        elif asked := learning.stage.ask(placement, snapshot):
            found = answered(placement, snapshot, learning.stage.past, asked, at_most, seed, shared.processes)
            n_requests = min(len(asked.questions), at_most)
            several.append(rank_examples(found, n_requests, blend, features, settings, seed))
    if sum(one.n_right for one in several) < settings.min_right:
        return None
    return RankExamples.joined(several)


def _features(placement: Placement, sources: FittedSources, columns: tuple[str, ...]) -> Features:
    # The questions of `similar` name no shopper: see `stage.ask`.
    return Features(columns, sources.facts, of_shopper=placement.task != "similar")


def rankers_of(tasks: Mapping[Task, FittedTask]) -> dict[Task, Ranker]:
    """Return a ranker for every task; one that had nothing to learn from is ranked by another task's blend."""
    fallback = tasks.get(FALLBACK) or next(iter(tasks.values()))
    return {task: tasks[task].serving if task in tasks else fallback.blend.blend for task in get_args(Task)}


def one_per_task(placements: Mapping[str, Placement]) -> dict[Task, Placement]:
    """Return for each task the first placement of it that asks the most sources: what it is measured as."""
    chosen: dict[Task, Placement] = {}
    for placement in placements.values():
        best = chosen.get(placement.task)
        if best is None or len(placement.sources) > len(best.sources):
            chosen[placement.task] = placement
    return chosen


def pool_of_tasks(placements: Mapping[str, Placement]) -> dict[Task, Placement]:
    """Return for each task what it is learned as: the placement that asks the most, and what only others of it ask."""
    pools = one_per_task(placements)
    for placement in placements.values():
        pool = pools[placement.task]
        pools[placement.task] = replace(pool, sources={**placement.sources, **pool.sources})
    return pools
