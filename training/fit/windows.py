"""Windows of time that a list may be asked for, and who liked what in one."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from models.arrays import DAY_US, Int64
from models.history import Events
from training.data import TrainingData

WINDOWS_DAYS: Final = (1, 7, 28)
"""What a storefront asks for: today, this week, this month."""


def windows_of(data: TrainingData) -> Iterator[int]:
    """Give the days of each window that fits into the data; none where times only order events."""
    if data.timeless:
        return
    first_us = int(data.events.ts_us.min())
    yield from (days for days in WINDOWS_DAYS if first_us <= data.until_us - days * DAY_US)


def shoppers_within(events: Events, stop_us: int, days: int, n_rows: int) -> Int64:
    """Return the distinct shoppers per item, shape (n_rows,), in the days before `stop_us`.

    events: of rows below n_rows.
    """
    inside = events.where((stop_us - days * DAY_US <= events.ts_us) & (events.ts_us < stop_us))
    pairs = np.unique(inside.owners.astype(np.int64) * n_rows + inside.items)
    return np.bincount(pairs % n_rows, minlength=n_rows)
