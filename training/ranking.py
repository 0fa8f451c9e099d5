"""Every task's ranking, from what came after one or several moments: a blend of the sources, and a ranker over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

import numpy as np

from models.errors import TrainingError
from models.features import Features
from models.placement import Placement, Task
from models.rank import Ranker
from models.snapshot import Snapshot
from training.blend import FittedBlend, fit_blend
from training.config import Recipe
from training.evaluate.asked import Asked, Stage
from training.examples import Answered, answered, drawn, examples_of
from training.fitting import FittedSources
from training.processes import spread
from training.progress import Steps
from training.rank.examples import Lesson, rank_examples
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
    most = min(recipe.ranker.most_requests(placement.task), recipe.blend.max_examples)
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
    ranker, before = None, earlier.ranker.ranker if earlier and earlier.ranker else None
    lessons = _lessons(shared, placement, columns, asked, found)
    del found
    ranked = rank_examples(lessons, blend.blend, recipe.ranker, recipe.seed)
    if ranked.n_right >= recipe.ranker.min_right:
        ranker = fit_ranker(ranked, blend.blend, lessons[-1].features, recipe.ranker, recipe.seed, before)
    return FittedTask(blend, ranker)


def _lessons(
    shared: _Fitting, placement: Placement, columns: tuple[str, ...], asked: Asked, found: Sequence[Answered]
) -> list[Lesson]:
    """Return what the ranker learns from: an equal share of its requests from each learning, oldest first.

    asked, found: questions of the newest learning, and those of them that were answered. What is known of items is of
    each learning's own time: the newest one's facts have counted what the older ones are to foresee.
    """
    seed, share = shared.recipe.seed, shared.recipe.ranker.most_requests(placement.task) // len(shared.learnings)
    *older, (snapshot, newest) = shared.learnings

    def lesson(snapshot: Snapshot, learning: Learning, asked: Asked) -> Lesson:
        found = answered(placement, snapshot, learning.stage.past, asked, share, seed, shared.processes)
        return Lesson(found, min(len(asked.questions), share), _features(placement, learning.sources, columns))

    then = [(one, learning, learning.stage.ask(placement, one)) for one, learning in older]
    lessons = [lesson(one, learning, questions) for one, learning, questions in then if questions is not None]
    if min(len(asked.questions), share) > len(found):
        return [*lessons, lesson(snapshot, newest, asked)]
    at_hand = [found[place] for place in drawn(len(found), share, seed)]
    return [*lessons, Lesson(at_hand, len(at_hand), _features(placement, newest.sources, columns))]


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
