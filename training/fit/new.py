"""New arrivals: score_i = 2^(-age_i / half-life), age from `published_at` to the end of the data.

No paper: it gives what nobody could buy yet a place to be seen. What is published later is new after the next training.
"""

import numpy as np
import polars as pl
from pydantic import BaseModel, Field

from models.arrays import DAY_US
from models.errors import LearnedNothingError
from models.ordered import OrderedRows
from models.sources.base import Learned
from training.data import TrainingData


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `new`."""

    max_age_days: float = Field(default=60.0, gt=0)
    """Days after which an item is not new any more. Changes results."""

    half_life_days: float = Field(default=14.0, gt=0)
    """Days after which newness counts half. Changes how the blend weighs an item's age, never the order."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows (m,), the newest first, and scores (m,).

    Raises LearnedNothingError if the catalogue has none, or times only order events.
    """
    if data.timeless:
        raise LearnedNothingError("new", "times only order the events of a shopper", "give times")
    published_us = pl.col("published_at").dt.timestamp("us")
    published = (
        data.items.with_row_index("row")
        .select("row", age_days=(data.until_us - published_us) / DAY_US)
        .filter(pl.col("age_days").is_between(0, settings.max_age_days, closed="right"))
    )
    if published.is_empty():
        why = f"no item of the catalogue was published in the last {settings.max_age_days:g} days"
        raise LearnedNothingError("new", why, "import items with published_at")
    newness = np.exp2(-published["age_days"].to_numpy() / settings.half_life_days).astype(np.float32)
    ordered = OrderedRows.of(newness, published["row"].to_numpy().astype(np.int32))
    return Learned({"rows": ordered.rows, "scores": ordered.scores})
