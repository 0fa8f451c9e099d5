"""What is new in the shop."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import DAY_US, Float32, Int32, Int64
from models.context import Context
from models.sources.answers import Few
from models.sources.base import NO_ROWS, NO_SCORES, Answer, Learned


@dataclass(frozen=True)
class New:
    """Rows by the time they were published; how old they are is asked of the request's clock."""

    name: ClassVar[str] = "new"
    rows: Int32
    """Shape (m,), the oldest first."""
    published_at_us: Int64
    """Shape (m,), not decreasing."""
    max_age_days: float
    half_life_days: float

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rows (m,) int32; published_at_us (m,) int64. Settings: max_age_days, half_life_days."""
        arrays, settings = learned.arrays, learned.settings
        days = (float(settings["max_age_days"]), float(settings["half_life_days"]))
        return cls(arrays["rows"], arrays["published_at_us"], *days)

    def ask(self, context: Context) -> Answer:
        """Return 2^(-age / half-life) for what is new and not yet to come."""
        oldest_us = context.now_us - int(self.max_age_days * DAY_US)
        start = np.searchsorted(self.published_at_us, oldest_us)
        stop = np.searchsorted(self.published_at_us, context.now_us, side="right")
        age_days = (context.now_us - self.published_at_us[start:stop]) / DAY_US
        return Few(self.rows[start:stop], np.exp2(-age_days / self.half_life_days).astype(np.float32))

    def because(self, context: Context, row: int) -> tuple[Int32, Float32]:
        """Return nothing: no item of the shopper's carries it."""
        del context, row
        return NO_ROWS, NO_SCORES
