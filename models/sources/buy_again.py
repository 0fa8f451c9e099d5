"""What this shopper bought before and is likely to need again."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import DAY_US, Float32, Int32
from models.context import Context
from models.history import Summary
from models.sources.answers import Few
from models.sources.base import NO_ROWS, NO_SCORES, Answer, Learned


@dataclass(frozen=True)
class BuyAgain:
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

    def ask(self, context: Context) -> Answer:
        """Return a score for what the shopper bought: how likely it is to be bought again."""
        mine = context.interactions.take(np.flatnonzero(context.interactions.purchases > 0))
        return Few(mine.items, self._scores(mine, context.now_us))

    def because(self, context: Context, row: int) -> tuple[Int32, Float32]:
        """Return the item itself: the shopper bought it."""
        own = context.interactions.take(np.flatnonzero(context.interactions.items == row))
        if not len(own) or own.purchases[0] == 0:
            return NO_ROWS, NO_SCORES
        return own.items, self._scores(own, context.now_us)

    def _scores(self, mine: Summary, now_us: int) -> Float32:
        """Return one score per row of a summary, shape (m,); every row was bought at least once."""
        rates = np.full(len(mine), self.usual_rate, dtype=np.float32)
        known = mine.items < len(self.rates)
        rates[known] = self.rates[mine.items[known]]
        span_days = (mine.last_purchase_us - mine.first_purchase_us) / DAY_US
        gap_days = (span_days + self.gap_prior / rates) / (mine.purchases - 1 + self.gap_prior)
        waited_gaps = np.maximum(now_us - mine.last_purchase_us, 0) / DAY_US / gap_days
        overdue = (1 + waited_gaps / self.overdue_gaps) ** -self.overdue_power
        rested = 1 - self.rest * np.maximum(0, 1 - waited_gaps / self.rest_gaps)
        scores: Float32 = (mine.decayed + self.prior_days * rates) * overdue * rested
        return scores.astype(np.float32)
