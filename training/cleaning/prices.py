"""Prices that nobody asked: cents for euros, the price of a box for that of a piece, a slip of the till."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from training.checks.prices import TIMES_OFF
from training.cleaning.base import Removed, Step

_IS_PRICE = pl.col("price").is_not_null() & pl.col("price").is_not_nan() & pl.col("event_type").eq("purchase")


class Prices(Step):
    """Forgets prices below zero, infinite, or far from what the item usually costs; the purchases stay.

    What an item usually costs is the median of what was paid for it so far; a price of 0 is a gift and stays.
    """

    name: ClassVar[str] = "prices"

    times_off: float = Field(default=TIMES_OFF, gt=1)
    """So many times above or below the median is no discount. 86 of 530,000 lines of Online Retail are and 25 of
    1,460,000 of Complete Journey (2026-11): slips all."""
    at_least: int = Field(default=5, gt=0)
    """Prices that an item needs before their median says what is usual."""

    def apply(self, events: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, Removed]:  # noqa: ARG002
        left, n_before = events, -1
        n_odd = 0
        # Without the odd ones the median moves a little: again until nothing is odd, so that twice is as once.
        while n_odd != n_before:
            n_before = n_odd
            odd = left.select(self._odd()).to_series()
            n_odd += int(odd.sum())
            left = left.with_columns(price=pl.when(odd).then(None).otherwise("price"))
        what = (
            f"{n_odd:,} prices are below zero, infinite or over {self.times_off:g} times off the item's median: taken "
            "as not known; the purchases stay."
        )
        return left, self.removed({"events": 0, "prices": n_odd}, what)

    def _odd(self) -> pl.Expr:
        asked = _IS_PRICE & pl.col("price").is_finite() & (pl.col("price") > 0)
        usual = pl.when(asked).then("price")
        times = pl.col("price") / usual.median().over("item_id")
        far = ~times.is_between(1 / self.times_off, self.times_off) & (usual.count().over("item_id") >= self.at_least)
        impossible = (pl.col("price") < 0) | pl.col("price").is_infinite()
        return (_IS_PRICE & (impossible | (asked & far))).fill_null(value=False)
