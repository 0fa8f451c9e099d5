"""A metric over time windows: the lists of the cutoff, held against what was bought in each week after it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import DAY_US, Mask
from training.evaluate.held_out import HeldOut
from training.evaluate.intervals import Interval, PerUser, intervals
from training.evaluate.metrics import Targets, judge, measure
from training.evaluate.table import Judgement

_MOST_WINDOWS = 13


@dataclass(frozen=True)
class Window:
    """Some days after the cutoff."""

    from_us: int
    until_us: int
    n_shoppers: int
    """With something to find in it."""
    models: dict[str, Interval]
    """The metric, by model."""


def by_week(
    judgement: Judgement, held_out: HeldOut, counts: Mask, metric: str, models: Sequence[str], seed: int
) -> tuple[Window, ...]:
    """Return the metric week by week; nothing is learned in between, so it tells how a model ages.

    judgement: a list a shopper, in the order of the shoppers' numbers. counts: shape (n,), the held-out purchases that
    count. A window without any is left out.
    """
    windows = []
    days = 7 * max(1, -(-(held_out.until_us - held_out.cutoff_us) // (7 * DAY_US * _MOST_WINDOWS)))
    for from_us in range(held_out.cutoff_us, held_out.until_us, days * DAY_US):
        until_us = min(from_us + days * DAY_US, held_out.until_us)
        inside = counts & (held_out.ts_us >= from_us) & (held_out.ts_us < until_us)
        inside &= np.isin(held_out.owners, judgement.shoppers)
        if not inside.any():
            continue
        shoppers, numbers = np.unique(held_out.owners[inside].astype(np.int64), return_inverse=True)
        targets = Targets.of(numbers, held_out.rows[inside], held_out.amounts[inside], len(shoppers))
        places = np.searchsorted(judgement.shoppers, shoppers)
        figures = [measure(judge(judgement.lists[model][places], targets), (metric,)) for model in models]
        found = intervals(PerUser.of(np.concatenate(figures, axis=1), shoppers), seed)
        windows.append(Window(from_us, until_us, len(shoppers), dict(zip(models, found, strict=True))))
    return tuple(windows)
