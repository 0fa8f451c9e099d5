"""Trends: how many more shoppers than usual like an item these days.

score_i = (now_i + prior) / (expected_i + prior), now_i the distinct shoppers of the window that ends with the data,
expected_i their usual number: the mean over the same window of each of the weeks before (so the same weekdays), times
how much busier the whole shop is than it was then. Only items with enough shoppers now, and a score above 1, are
trending. A smoothed ratio in the sense of Kleinberg, "Bursty and hierarchical structure in streams", KDD 2002, with
two states and no automaton: cheaper, and right for a list that is made anew every night.
"""

import numpy as np
from pydantic import BaseModel, Field

from models.arrays import DAY_US, Int64
from models.errors import LearnedNothingError
from models.history import Events
from models.ordered import OrderedRows
from models.sources.base import Learned
from training.data import TrainingData
from training.fit.likes import liked_warm

_WEEK_US = 7 * DAY_US


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
    """Learn rows (m,), the fastest riser first, and scores (m,) > 1.

    Raises LearnedNothingError if the data is too young to compare, or nothing rises.
    """
    events = liked_warm(data, "trending")
    usual, now = _usual(events, data, settings), _shoppers(events, data, settings, weeks_ago=0)
    # Sums of weeks serve as well as means: only each item's share of them counts.
    expected = usual * (now.sum() / usual.sum())
    scores = (now + settings.prior) / (expected + settings.prior)
    rows = np.flatnonzero((now >= settings.minimum_shoppers) & (scores > 1)).astype(np.int32)
    if not len(rows):
        why = f"no item with {settings.minimum_shoppers} shoppers in {settings.window_days} days is above its usual"
        raise LearnedNothingError("trending", why, "lower minimum_shoppers")
    ordered = OrderedRows.of(scores[rows].astype(np.float32), rows)
    return Learned({"rows": ordered.rows, "scores": ordered.scores})


def _usual(events: Events, data: TrainingData, settings: Settings) -> Int64:
    """Return the shoppers, shape (n_warm,), summed over the same window of the weeks before."""
    first_us = int(data.events.ts_us.min())
    covered = (data.until_us - settings.window_days * DAY_US - first_us) // _WEEK_US
    usual = np.zeros(data.n_warm, dtype=np.int64)
    for weeks_ago in range(1, min(settings.weeks, int(covered)) + 1):
        usual += _shoppers(events, data, settings, weeks_ago)
    if not usual.any():
        why = f"the data holds no week to compare the last {settings.window_days} days with"
        raise LearnedNothingError("trending", why, "import a longer time")
    return usual


def _shoppers(events: Events, data: TrainingData, settings: Settings, weeks_ago: int) -> Int64:
    """Return the distinct shoppers per item, shape (n_warm,), in the window that ended so many weeks ago."""
    stop_us = data.until_us - weeks_ago * _WEEK_US
    start_us = stop_us - settings.window_days * DAY_US
    inside = events.where((start_us <= events.ts_us) & (events.ts_us < stop_us))
    pairs = np.unique(inside.owners.astype(np.int64) * data.n_warm + inside.items)
    return np.bincount(pairs % data.n_warm, minlength=data.n_warm)
