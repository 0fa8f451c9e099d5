"""The same thing said twice: a page loaded again, a button pressed twice, a till that prints a line for each piece."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from training.cleaning.base import Removed, Step

SAME = ("shopper", "event_type", "item_id", "order_id")
"""Events that agree in these are the same thing done again."""


class Repeats(Step):
    """Removes what a shopper did with an item that they had done with it, in the same order, seconds before.

    The first of a chain stays: ten times in a minute, six seconds apart, are once.
    """

    name: ClassVar[str] = "repeats"
    needs_times: ClassVar[bool] = True

    seconds: float = Field(default=10.0, ge=0)
    """Distance to the one before, up to which it is the same. 0 removes only what has the same time. A till prints a
    line for each piece at one moment (2.0 % of Online Retail); of the views of a web shop 1.4 % come again within 10 s
    (RetailRocket, 2026-11). An order is placed no faster twice."""

    def apply(self, events: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, Removed]:  # noqa: ARG002
        numbered = events.with_row_index("row")
        # Most things are done once: only what is there twice is worth sorting. What has one time is parted by the other
        # columns, so that it does not matter in which order the rows came.
        twice = numbered.filter(pl.struct(SAME).is_duplicated())
        chains = twice.sort(*SAME, "ts", "price", "quantity", "session_id", nulls_last=True)
        gap_us = pl.col("ts").diff().over(SAME).dt.total_microseconds()
        repeated = chains.filter(gap_us <= self.seconds * 1e6)
        left = numbered.join(repeated.select("row"), on="row", how="anti", maintain_order="left").drop("row")
        n_shoppers = repeated["shopper"].n_unique()
        what = (
            f"{len(repeated):,} events of {n_shoppers:,} shoppers came within {self.seconds:g} s of the same one: "
            "loaded again, pressed twice, or a line for each piece."
        )
        return left, self.removed({"events": len(repeated), "shoppers": n_shoppers}, what)
