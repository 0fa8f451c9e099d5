"""Make a report: the figures, as JSON, and the page that is made of them alone."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from models.placement import Placement, Task
from store.bundles.manifest import Manifest
from store.bundles.write import Draft
from training.checks.finding import Finding
from training.config import Recipe
from training.rank.trees import Trees
from training.ranking import one_per_task
from training.report.background import changes, recorded
from training.report.examples import KNOWN_TO, examples_of
from training.report.page import page_of
from training.report.questions import questions_of
from training.report.shown import SENTENCE, shown
from training.report.tasks import measure_task
from training.report.trees import shares_of_gain
from training.trial import Trial

SCHEMA_VERSION: Final = 1
"""Of report.json."""
PAGE, FIGURES = "report.html", "report.json"


@dataclass(frozen=True)
class Material:
    """What a report tells of beside its own measurements."""

    draft: Draft
    """The bundle that it belongs to."""
    recipe: Recipe
    placements: Mapping[str, Placement]
    earlier: Sequence[Manifest] = ()
    """Of the bundles that were there before, oldest first."""
    findings: Sequence[Finding] = ()


def make_report(material: Material, trial: Trial) -> dict[str, bytes]:
    """Return the files of a report by name.

    trial: the recipe as it was judged: fitted before the last horizon, which it is measured on.
    """
    figures = figures_of(material, trial)
    text = json.dumps(figures, ensure_ascii=False, allow_nan=False, indent=1)
    return {FIGURES: text.encode(), PAGE: page_of(figures).encode()}


def figures_of(material: Material, trial: Trial) -> dict[str, Any]:
    """Return everything that a report tells, in types that JSON knows."""
    draft, seed = material.draft, material.recipe.seed
    by_task = one_per_task(material.placements)
    held_out = trial.split.held_out
    tasks = []
    for questions in questions_of(trial, by_task, seed):
        served = by_task[questions.placement.task]
        trees = _trees_behind(trial, served.task)
        measured = measure_task(trial, questions, shares_of_gain(trees) if trees else {}, seed)
        examples = [asdict(one) for one in examples_of(trial, questions, served, trees, seed)]
        tasks.append({**asdict(measured), "examples": examples})
    found = {
        "schema_version": SCHEMA_VERSION,
        "version": draft.version,
        "created_at": draft.created_at,
        "endcap_version": draft.endcap_version,
        "data": {**draft.data.model_dump(exclude={"cleaned"}), "n_items": len(draft.catalogue), "n_warm": draft.n_warm},
        "measured": {
            "cutoff_us": held_out.cutoff_us,
            "until_us": held_out.until_us,
            "n_purchases": len(held_out),
            "told_if_known_to": KNOWN_TO,
        },
        "gate": {"refusals": list(draft.metrics.refusals), "forced": draft.metrics.forced},
        "tasks": tasks,
        "calibration_error": dict(draft.metrics.calibration_error),
        "recorded": [asdict(one) for one in recorded(material.earlier, draft)],
        # Not the sentences: those of some checks name shoppers.
        "checks": [
            {"check": one.check, "level": one.level, "counts": one.counts, "to_do": one.to_do}
            for one in material.findings
        ],
        "cleaned": draft.data.cleaned,
        "left_out": dict(draft.left_out),
        "recipe": {"changed": [asdict(one) for one in changes(material.recipe)], "whole": draft.recipe},
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def _trees_behind(trial: Trial, task: Task) -> Trees | None:
    fitted = trial.tasks.get(task)
    return fitted.ranker.trees if fitted and fitted.ranker else None


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a report holds
    """Return a value as JSON has it: no NaN, no infinity, no tuples, no endless text."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case str():
            return shown(value, SENTENCE)
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value
