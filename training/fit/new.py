"""New arrivals: score_i = 2^(-age_i / half-life), age since `published_at`.

No paper: it gives what nobody could buy yet a place to be seen.
"""

import numpy as np
import polars as pl
from pydantic import BaseModel, Field

from models.arrays import DAY_US
from models.errors import LearnedNothingError
from models.sources.base import Learned
from training.data import TrainingData


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `new`."""

    max_age_days: float = Field(default=60.0, gt=0)
    """Days after which an item is not new any more. Changes results."""

    half_life_days: float = Field(default=14.0, gt=0)
    """Days after which newness counts half. Changes how the blend weighs an item's age, never the order."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows (m,), the oldest first, and published_at_us (m,), of what is new at the end of the data or later.

    Raises LearnedNothingError if the catalogue names no such item.
    """
    newest_us = data.until_us - int(settings.max_age_days * DAY_US)
    published = (
        data.items.with_row_index("row")
        .select("row", ts_us=pl.col("published_at").dt.timestamp("us"))
        .filter(pl.col("ts_us") >= newest_us)
        .sort("ts_us", "row")
    )
    if published.is_empty():
        why = f"no item of the catalogue was published in the last {settings.max_age_days:g} days"
        raise LearnedNothingError("new", why, "import items with published_at")
    rows = published["row"].to_numpy().astype(np.int32)
    return Learned({"rows": rows, "published_at_us": published["ts_us"].to_numpy().copy()}, settings.model_dump())
