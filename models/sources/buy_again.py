"""What this shopper bought before and is likely to need again."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import DAY_US, Float32, Int32
from models.context import Context
from models.sources.base import Learned
from models.sources.own import Own


@dataclass(frozen=True)
class BuyAgain(Own):
    """Scores the shopper's own items; the formula stands in training/fit/buy_again.py."""

    name: ClassVar[str] = "buy_again"
    rates: Float32
    """Shape (L,): an item's repeat purchases per shopper and day."""
    usual_rate: float
    """The same over all items: what is assumed of rows beyond L."""
    prior_days: float
    gap_prior: float
    overdue_gaps: float
    overdue_power: float
    rest: float
    rest_gaps: float

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Arrays: rates (L,) float32. Settings: the fields above."""
        names = ("usual_rate", "prior_days", "gap_prior", "overdue_gaps", "overdue_power", "rest", "rest_gaps")
        return cls(learned.arrays["rates"], *(float(learned.settings[name]) for name in names))

    def scored(self, context: Context) -> tuple[Int32, Float32]:
        """Return the rows of the interactions that were bought at least once, shape (m,), and their scores."""
        own = context.interactions
        chosen = own.purchases > 0
        rows, purchases, last_us = own.items[chosen], own.purchases[chosen], own.last_purchase_us[chosen]
        rates = np.full(len(rows), self.usual_rate, dtype=np.float32)
        known = rows < len(self.rates)
        rates[known] = self.rates[rows[known]]
        span_days = (last_us - own.first_purchase_us[chosen]) / DAY_US
        gap_days = (span_days + self.gap_prior / rates) / (purchases - 1 + self.gap_prior)
        waited_gaps = np.maximum(context.now_us - last_us, 0) / DAY_US / gap_days
        overdue = (1 + waited_gaps / self.overdue_gaps) ** -self.overdue_power
        rested = 1 - self.rest * np.maximum(0, 1 - waited_gaps / self.rest_gaps)
        scores: Float32 = (own.decayed[chosen] + self.prior_days * rates) * overdue * rested
        return rows, scores.astype(np.float32)
