"""One trial after the other: a recipe is fitted and measured on validation, cheap stages first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Final

import optuna

from models.placement import Placement
from training.compare import measure_rivals, of_tasks, stages_of
from training.config import Recipe
from training.evaluate.lists import Rival
from training.evaluate.protocols import Given, Staged
from training.evaluate.table import ALL, Options
from training.progress import Steps
from training.trial import fit_stages
from training.tuning.space import Knob, Value, values_of, with_values

BASE: Final = "base"
"""Marks the trial of the recipe that the study began with."""
_TRIAL: Final = "trial"
_CHEAP_PART: Final = 4
"""The first stage learns from so many times fewer examples, and no ranker."""
_NEVER: Final = 2**53
"""More right answers than any data has: no ranker is learned."""
_LAID_OUT: Final = {"sources", "blend", "ranker", "gate", "checks"}
"""Parts of a recipe that do not change how the events are laid out."""


@dataclass(frozen=True)
class Bench:
    """What all trials of a study share."""

    recipe: Recipe
    """What is varied."""
    knobs: Sequence[Knob]
    given: Given
    """Ends where the test begins."""
    protocols: Sequence[str]
    placements: Mapping[str, Placement]
    options: Options
    _kept: dict[str, Staged] = field(default_factory=dict, init=False, repr=False)
    """Stages by how they were laid out: those of the recipe itself, and of the last trial."""

    def values(self) -> dict[str, Value]:
        """Return what the recipe itself says of what is varied."""
        own = values_of(self.recipe)
        return {knob.path: own[knob.path] for knob in self.knobs}

    def recipe_of(self, trial: optuna.Trial) -> Recipe:
        """Let the study suggest a value for everything that is varied."""
        suggested: dict[str, Value] = {}
        for knob in self.knobs:
            if knob.whole:
                suggested[knob.path] = trial.suggest_int(knob.path, int(knob.low), int(knob.high), log=knob.log)
            else:
                suggested[knob.path] = trial.suggest_float(knob.path, knob.low, knob.high, log=knob.log)
        return self.recipe if BASE in trial.user_attrs else self.tried(suggested)

    def tried(self, suggested: Mapping[str, Value]) -> Recipe:
        """Return the recipe with what a study suggested; figures that a person can read will do."""
        return with_values(self.recipe, {path: _rounded(value) for path, value in suggested.items()})

    def __call__(self, trial: optuna.Trial) -> float:
        """Fit and measure, the cheap stage first: it may end the trial.

        Raises TrialPruned, and TrainingError or InputError for a recipe that cannot be fitted or measured.
        """
        recipe = self.recipe_of(trial)
        stages = self._stages_of(recipe)
        with _forgetting(stages, keep=BASE in trial.user_attrs):
            trial.report(self.figure(_cheap(recipe), stages), step=0)
            if trial.should_prune():
                raise optuna.TrialPruned
            return self.figure(recipe, stages)

    def figure(self, recipe: Recipe, stages: Staged) -> float:
        """Return the geometric mean of what each task of the protocols is judged by: no task outweighs another."""
        asked = of_tasks(self.placements, stages.tasks)
        snapshot = fit_stages(stages.learning, stages.testing, recipe, asked, Steps())
        rivals = {_TRIAL: Rival(snapshot, stages.testing.past)}
        figures = [
            row.metrics[table.metrics_of(row.task)[0]].value
            for measure in stages.measures.values()
            for table in [measure_rivals(measure, rivals, self.placements, self.options)]
            for row in table.rows
            if row.segment == ALL
        ]
        return float(prod(figures) ** (1 / len(figures)))

    def _stages_of(self, recipe: Recipe) -> Staged:
        key = recipe.model_dump_json(exclude=_LAID_OUT)
        own = self.recipe.model_dump_json(exclude=_LAID_OUT)
        if key not in self._kept:
            for other in self._kept.keys() - {own}:
                del self._kept[other]
            self._kept[key] = stages_of(recipe, self.given, self.protocols, self.options.seed)
        return self._kept[key]


def _cheap(recipe: Recipe) -> Recipe:
    """Return the recipe as it is fitted first: the blend alone, from a part of the examples."""
    blend = recipe.blend.model_copy(update={"max_examples": max(1, recipe.blend.max_examples // _CHEAP_PART)})
    return recipe.model_copy(update={"blend": blend, "ranker": recipe.ranker.model_copy(update={"min_right": _NEVER})})


@contextmanager
def _forgetting(stages: Staged, *, keep: bool) -> Iterator[None]:
    """Forget afterwards what sources learned meanwhile, unless it is to be kept: all trials' would fill the memory."""
    pasts = [stage.past for stage in (*stages.learning, stages.testing)]
    known = [set(data.worked_out) for data in pasts]
    try:
        yield
    finally:
        for data, before in zip(pasts, known, strict=True):
            for key in () if keep else data.worked_out.keys() - before:
                del data.worked_out[key]


def _rounded(value: Value) -> Value:
    return value if isinstance(value, int) else float(f"{value:.3g}")
