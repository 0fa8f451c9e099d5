"""Repeat purchases: what a shopper bought before, by how much of it is expected and how long it has been.

score_ui = (decayed_ui + prior_days * rate_i) * (1 + w / overdue_gaps) ^ -overdue_power
           * (1 - rest * max(0, 1 - w / rest_gaps))

decayed_ui is the history's decayed weight, rate_i the item's repeat purchases per shopper and day, w the wait since the
last purchase in usual gaps of this shopper, gap_ui = (last - first + g / rate_i) / (purchases - 1 + g), drawn towards
the item's own gap 1 / rate_i by g = gap_prior. The first factor is the posterior mean of the Poisson-Gamma model of
Bhagat, Muralidharan, Lobzhanidze & Vishwanath, "Buy It Again", KDD 2018, with fading counts and one exposure for all.
Differs from the paper in the other two: a power law for what is overdue and a dip for what was bought just now, instead
of a density of times.
"""

import numpy as np
from pydantic import BaseModel, Field

from models.arrays import DAY_US
from models.errors import LearnedNothingError
from models.events import PURCHASE
from models.sources.base import Learned
from training.data import TrainingData


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `buy_again`. All of them change results, none changes speed."""

    prior_days: float = Field(default=45.0, ge=0)
    """Days of the item's own rate added to what the shopper did: larger trusts the item more, the shopper less."""

    rate_prior_days: float = Field(default=2000.0, gt=0)
    """Shopper-days at the shop's mean rate added to an item's: larger draws rare items to the mean."""

    gap_prior: float = Field(default=0.3, gt=0)
    """Purchases at the item's usual gap added to the shopper's own: larger trusts the shopper's gap less."""

    overdue_gaps: float = Field(default=3.0, gt=0)
    """So many usual gaps after the last purchase an item begins to fade: smaller forgets sooner."""

    overdue_power: float = Field(default=0.4, ge=0)
    """How steeply it fades then; 0 = not at all."""

    # Complete Journey, 28 days ahead: rest .2 costs .0005 of ndcg@20, .5 costs .008 (2026-11): needs soon return.
    rest: float = Field(default=0.2, ge=0, le=1)
    """The share of its score that an item loses at the moment it is bought; 0 = none."""

    rest_gaps: float = Field(default=0.25, gt=0)
    """So many usual gaps after a purchase the loss is over."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rates (n,): repeat purchases per shopper and day, for every bundle row.

    Raises LearnedNothingError if nobody ever bought an item twice.
    """
    bought = data.summary.take(data.summary.purchases > 0)
    n = len(data.vocabulary)
    repeats = np.bincount(bought.items, weights=bought.purchases - 1, minlength=n)
    exposure_days = np.maximum(1.0, (data.as_of_us - bought.first_purchase_us) / DAY_US)
    days = np.bincount(bought.items, weights=exposure_days, minlength=n)
    if not repeats.any():
        raise LearnedNothingError("buy_again", "no shopper bought an item twice", "import more purchases")
    usual_rate = repeats.sum() / days.sum()
    rates = (repeats + usual_rate * settings.rate_prior_days) / (days + settings.rate_prior_days)
    answering = settings.model_dump(exclude={"prior_days", "rate_prior_days"})
    # A history weighs a purchase by the event weight; the rate must speak the same unit.
    answering["prior_days"] = settings.prior_days * data.memory.weights[PURCHASE]
    answering["usual_rate"] = float(usual_rate)
    return Learned({"rates": rates.astype(np.float32)}, answering)
