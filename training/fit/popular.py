"""Popularity that fades: how many shoppers liked an item lately.

score_i = sum over shoppers u of max over u's events e on i of weight(e) * 2^(-age(e) / half-life). A shopper counts
once, by the best event, so that neither a robot nor a wholesaler makes an item popular. Popularity by recent counts is
the strongest unpersonal baseline in Ji, Sun, Zhang & Li, "A re-visit of the popularity baseline", SIGIR 2020; differs
from theirs in that age fades smoothly instead of falling out of a window.

Beside it stand lists over windows (`WINDOWS_DAYS`) that end with the data: the distinct shoppers who liked an item in
them.
"""

import numpy as np
from pydantic import BaseModel, Field

from models.arrays import DAY_US, Arrays, Float32, Int32
from models.errors import LearnedNothingError
from models.history import Events
from models.ordered import OrderedRows
from models.sources.base import Learned
from models.sources.shared import window_arrays
from training.data import TrainingData
from training.fit.likes import liked
from training.fit.windows import shoppers_within, windows_of


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `popular`."""

    half_life_days: float = Field(default=14.0, gt=0)
    """Days after which a shopper's like counts half. Changes results: short follows fashion, long is steadier."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows (m,) in order and their scores (m,), over all rows that anybody ever liked; and so for each window."""
    events = liked(data)
    if not len(events):
        raise LearnedNothingError("popular", "no event has a weight above 0", "set an event weight")
    age_days = (data.as_of_us - events.ts_us) / DAY_US
    weights = np.asarray(data.memory.weights)[events.types] * np.exp2(-age_days / settings.half_life_days)
    # Best event first within shopper and item: the first of each pair is the one that counts.
    order = np.lexsort((-weights, events.items, events.owners))
    owners, items = events.owners[order], events.items[order]
    first = np.r_[True, (owners[1:] != owners[:-1]) | (items[1:] != items[:-1])]
    scores = np.bincount(items[first], weights=weights[order][first])
    rows = np.unique(items).astype(np.int32)
    ordered = OrderedRows.of(scores[rows].astype(np.float32), rows)
    return Learned({"rows": ordered.rows, "scores": ordered.scores, **_windows(events, data)})


def _windows(events: Events, data: TrainingData) -> Arrays:
    arrays: dict[str, Int32 | Float32] = {}
    for days in windows_of(data):
        shoppers = shoppers_within(events, data.until_us, days, len(data.vocabulary))
        rows = np.flatnonzero(shoppers).astype(np.int32)
        arrays |= window_arrays(days, OrderedRows.of(shoppers[rows].astype(np.float32), rows))
    return arrays
