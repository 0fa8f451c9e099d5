"""Trends: how many more shoppers than usual like an item these days.

score_i = (now_i + prior) / (expected_i + prior), now_i the distinct shoppers of the window that ends with the data,
expected_i their usual number: the mean over the same window of each of the weeks before (so the same weekdays), times
how much busier the whole shop is than it was then. Only items with enough shoppers now, and a score above 1, are
trending. A smoothed ratio in the sense of Kleinberg, "Bursty and hierarchical structure in streams", KDD 2002, with
two states and no automaton: cheaper, and right for a list that is made anew every night.

Beside it stand lists over windows (`WINDOWS_DAYS`), by the same formula; a window longer than a week is compared with
windows before it that lie whole weeks back and do not overlap.
"""

import numpy as np
from pydantic import BaseModel, Field

from models.arrays import DAY_US, Arrays, Float32, Int32, Int64
from models.errors import LearnedNothingError
from models.history import Events
from models.ordered import OrderedRows
from models.sources.base import Learned
from models.sources.shared import window_arrays
from training.data import TrainingData
from training.fit.likes import liked_warm
from training.fit.windows import shoppers_within, windows_of

_WEEK_DAYS = 7


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `trending`. All of them change results, none changes speed."""

    window_days: int = Field(default=7, ge=1, le=7)
    """Days that are "now": shorter is quicker to notice, and noisier."""

    weeks: int = Field(default=4, ge=1)
    """Weeks before to compare with, as far as the data goes back: more make the usual steadier, and slower to move."""

    prior: float = Field(default=20.0, gt=0)
    """Shoppers added to both sides of the ratio: larger asks for more evidence, and favours what many like."""

    minimum_shoppers: int = Field(default=5, ge=1)
    """Shoppers that an item needs in the window."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows (m,), the fastest riser first, and scores (m,) > 1; and so for each window that has one before it.

    Raises LearnedNothingError if times only order events, the data is too young to compare, or nothing rises.
    """
    if data.timeless:
        raise LearnedNothingError("trending", "times only order the events of a shopper", "give times")
    events = liked_warm(data, "trending")
    usual = _usual(events, data, settings.window_days, settings)
    if not usual.any():
        why = f"the data holds no week to compare the last {settings.window_days} days with"
        raise LearnedNothingError("trending", why, "import a longer time")
    ordered = _rising(events, data, settings.window_days, usual, settings)
    if not len(ordered.rows):
        why = f"no item with {settings.minimum_shoppers} shoppers in {settings.window_days} days is above its usual"
        raise LearnedNothingError("trending", why, "lower minimum_shoppers")
    return Learned({"rows": ordered.rows, "scores": ordered.scores, **_windows(events, data, settings)})


def _windows(events: Events, data: TrainingData, settings: Settings) -> Arrays:
    arrays: dict[str, Int32 | Float32] = {}
    for days in windows_of(data):
        usual = _usual(events, data, days, settings)
        if usual.any():
            arrays |= window_arrays(days, _rising(events, data, days, usual, settings))
    return arrays


def _rising(events: Events, data: TrainingData, days: int, usual: Int64, settings: Settings) -> OrderedRows:
    """Return what rises in the last days over the shoppers, shape (n_warm,), that are usual; nothing is possible."""
    now = shoppers_within(events, data.until_us, days, data.n_warm)
    # Sums of weeks serve as well as means: only each item's share of them counts.
    expected = usual * (now.sum() / usual.sum())
    scores = (now + settings.prior) / (expected + settings.prior)
    rows = np.flatnonzero((now >= settings.minimum_shoppers) & (scores > 1)).astype(np.int32)
    return OrderedRows.of(scores[rows].astype(np.float32), rows)


def _usual(events: Events, data: TrainingData, days: int, settings: Settings) -> Int64:
    """Return the shoppers, shape (n_warm,), summed over the windows of so many days before; 0 if there is none."""
    first_us = int(data.events.ts_us.min())
    step_us = -(-days // _WEEK_DAYS) * _WEEK_DAYS * DAY_US
    covered = (data.until_us - days * DAY_US - first_us) // step_us
    usual = np.zeros(data.n_warm, dtype=np.int64)
    for steps_ago in range(1, min(settings.weeks, int(covered)) + 1):
        usual += shoppers_within(events, data.until_us - steps_ago * step_us, days, data.n_warm)
    return usual
