"""Tune: try recipes on validation days until time or trials are used up, and keep the best one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from models.errors import RecommenderError, TrainingError
from training.config import Recipe
from training.tuning.study import digest_of, digest_of_json, opened
from training.tuning.trials import BASE, Bench

_LAID_ASIDE: Final = {"checks", "gate"}
"""Parts of a recipe that change no list."""


@dataclass(frozen=True)
class Limits:
    """When a run ends; a trial that has begun is finished."""

    trials: int
    """Of this run; those of earlier ones do not count."""
    seconds: float | None = None


@dataclass(frozen=True)
class Standing:
    """How a study stands after a trial."""

    number: int
    """Of the trial that ended, from 0."""
    outcome: str
    """COMPLETE, PRUNED or FAIL."""
    figure: float | None
    """Of that trial: of its last stage if it was pruned, None if it failed."""
    seconds: float
    why: str
    """Why it failed."""
    best: float
    """The best figure so far."""
    best_number: int


@dataclass(frozen=True)
class Tuned:
    """What a study has found."""

    recipe: Recipe
    """The best one."""
    figure: float
    number: int
    """Of its trial; 0 is the recipe that the study began with."""
    base_figure: float
    counts: Mapping[str, int]
    """Trials of all runs by outcome."""

    @property
    def is_better(self) -> bool:
        """Whether it is another recipe than the one that the study began with."""
        return self.figure > self.base_figure


def tune(
    bench: Bench,
    folder: Path,
    name: str,
    limits: Limits,
    progress: Callable[[Standing, Tuned], None],
) -> Tuned:
    """Begin or resume a study.

    folder: of the files of all studies. progress: called after each trial. Raises TrainingError or InputError if the
    recipe itself cannot be measured, and what `opened` raises.
    """
    with opened(folder, name, configuration_of(bench), bench.options.seed) as study:
        if not _measured_base(study):
            study.enqueue_trial(bench.values(), user_attrs={BASE: True})
            study.optimize(bench, n_trials=1, callbacks=[_telling(bench, progress)])
        if limits.trials:
            study.optimize(
                _explained(bench),
                n_trials=limits.trials,
                timeout=limits.seconds,
                catch=(RecommenderError,),
                callbacks=[_telling(bench, progress)],
            )
        return _found(study, bench)


def configuration_of(bench: Bench) -> dict[str, str]:
    """Return all that figures depend on, by a name that a person understands; data and tables as digests."""
    given = bench.given
    told = bench.recipe.model_dump(mode="json", exclude=_LAID_ASIDE)
    return {
        "data": digest_of(given.shop),
        "protocol": "+".join(bench.protocols),
        "end of the validation": f"{np.datetime64(given.until_us, 'us')}",
        "horizon": f"{given.horizon_days or given.usual_days} days",
        "recipe": digest_of_json(told),
        "search space": digest_of_json([[knob.path, knob.low, knob.high, knob.log] for knob in bench.knobs]),
        "placements": digest_of_json({slot: one.digest for slot, one in bench.placements.items()}),
    }


def _measured_base(study: optuna.Study) -> FrozenTrial | None:
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((trial for trial in finished if BASE in trial.user_attrs), None)


def _explained(bench: Bench) -> Callable[[optuna.Trial], float]:
    """Return the bench, with why a trial fails kept in the study."""

    def measure(trial: optuna.Trial) -> float:
        try:
            return bench(trial)
        except RecommenderError as error:
            trial.set_user_attr("why", str(error))
            raise

    return measure


def _telling(bench: Bench, progress: Callable[[Standing, Tuned], None]) -> Callable[[optuna.Study, FrozenTrial], None]:
    def tell(study: optuna.Study, trial: FrozenTrial) -> None:
        if _measured_base(study) is None:
            return
        found = _found(study, bench)
        figure = trial.value if trial.value is not None else trial.intermediate_values.get(0)
        seconds = trial.duration.total_seconds() if trial.duration else 0.0
        why = trial.user_attrs.get("why", "")
        standing = Standing(trial.number, trial.state.name, figure, seconds, why, found.figure, found.number)
        progress(standing, found)

    return tell


def _found(study: optuna.Study, bench: Bench) -> Tuned:
    base = _measured_base(study)
    if base is None or base.value is None:
        raise TrainingError("the recipe itself was not measured; run it again")
    best = study.best_trial
    recipe = bench.recipe if BASE in best.user_attrs else bench.tried(best.params)
    states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    counts = {state: states.count(state) for state in ("COMPLETE", "PRUNED", "FAIL")}
    return Tuned(recipe, float(best.value or 0.0), best.number, base.value, counts)
