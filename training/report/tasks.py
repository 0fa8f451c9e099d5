"""One task of the report: every model with intervals, what the lists show, how it ages, how true its scores are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from training.evaluate.intervals import Interval
from training.evaluate.judged import judgement_of
from training.evaluate.lists import ENDCAP, POPULAR_LATELY, Asking
from training.evaluate.metrics import judge
from training.evaluate.table import ALL, Judgement, Options, Pair, Row, rows_of
from training.evaluate.temporal import rows_of_strangers
from training.report.questions import TaskQuestions
from training.report.scored import Bin, gap, scored
from training.report.weeks import Window, by_week
from training.trial import Trial

PROCESSES = 2


@dataclass(frozen=True)
class ModelFigures:
    """One model on one task."""

    model: str
    metrics: Mapping[str, Interval]
    parts: Mapping[str, Interval]
    """Segment -> the first metric."""
    exposure: Mapping[str, float]
    p_value: float | None
    """That the first metric differs from the served model's by chance alone; None for that itself."""


@dataclass(frozen=True)
class TaskFigures:
    """What was measured of one task."""

    task: str
    placement: str
    serves: str
    """The placement's task."""
    protocol: str
    metrics: tuple[str, ...]
    n_lists: int
    n_lists_possible: int
    """Before any were drawn."""
    n_shoppers: int
    parts: Mapping[str, int]
    """Segment -> shoppers."""
    models: tuple[ModelFigures, ...]
    """The served one first, then the best by the first metric."""
    windows: tuple[Window, ...] = ()
    reliability: tuple[Bin, ...] = ()
    reliability_gap: float | None = None
    """Mean distance of predicted from observed rate."""
    adds: Mapping[str, float] = field(default_factory=dict)
    """Source -> log-odds that it adds to a shown item, on average."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Feature -> what the splits on it gained while the ranker learned; empty without one."""


def measure_task(trial: Trial, questions: TaskQuestions, gains: Mapping[str, float], seed: int) -> TaskFigures:
    """Ask every model the questions of one task, and hold the lists against what was bought."""
    measured, asked = questions.measured, questions.asked
    asking = Asking(trial.snapshot, trial.split.past, questions.placement, asked.histories)
    options = Options(seed, processes=PROCESSES)
    judgement = judgement_of(measured.task, asking, asked, options)
    rows, pairs = rows_of(judgement, measured.metrics, seed)
    if measured.task == "all":
        by_task = {questions.placement.task: questions.placement}
        rows = [*rows, *rows_of_strangers(trial.snapshot, trial.split, by_task, options)]
    served = scored(asking, asked.questions, PROCESSES)
    bins = served.reliability(judge(served.rows, asked.targets).hits, asked.shoppers, seed)
    return TaskFigures(
        task=measured.task,
        placement=questions.placement.name,
        serves=questions.placement.task,
        protocol=measured.protocol,
        metrics=measured.metrics,
        n_lists=len(asked.questions),
        n_lists_possible=questions.n_possible,
        n_shoppers=len(np.unique(asked.shoppers)),
        parts={row.segment: row.n_shoppers for row in rows if row.segment != ALL},
        models=_models(rows, pairs, measured.metrics[0]),
        windows=_windows(trial, judgement, questions, seed),
        reliability=bins,
        reliability_gap=gap(bins),
        adds=served.adds,
        gains=gains,
    )


def _models(rows: list[Row], pairs: list[Pair], metric: str) -> tuple[ModelFigures, ...]:
    p_values = {one.model: one.metrics[metric].p_value for one in pairs if one.against == ENDCAP}
    p_values |= {one.against: one.metrics[metric].p_value for one in pairs if one.model == ENDCAP}
    parts: dict[str, dict[str, Interval]] = {}
    for row in rows:
        if row.segment != ALL:
            parts.setdefault(row.model, {})[row.segment] = row.metrics[metric]
    found = [
        ModelFigures(row.model, row.metrics, parts.get(row.model, {}), row.exposure, p_values.get(row.model))
        for row in rows
        if row.segment == ALL
    ]
    return tuple(sorted(found, key=lambda one: (one.model != ENDCAP, -one.metrics[metric].value)))


def _windows(trial: Trial, judgement: Judgement, questions: TaskQuestions, seed: int) -> tuple[Window, ...]:
    """Cut the horizon of the tasks that ask each shopper once."""
    if questions.measured.protocol != "temporal":
        return ()
    counts = trial.split.seen_before()
    if questions.placement.known == "mask":
        counts &= ~trial.split.held_out.repeats
    models = [name for name in (ENDCAP, POPULAR_LATELY) if name in judgement.lists]
    return by_week(judgement, trial.split.held_out, counts, questions.measured.metrics[0], models, seed)
