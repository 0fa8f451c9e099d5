"""Robots: who looks at more products than a person can."""

from typing import ClassVar, Final

import polars as pl
from pydantic import Field

from training.checks.base import shown
from training.cleaning.base import Removed, Step

LOOKING: Final = ("view", "click")
"""By what a robot is known: crawlers and price comparers look. However long an order is, somebody paid for it."""

PAID: Final = ("purchase", "refund")
"""What stays of a robot: a customer whose browser reads ahead is a customer."""


class Robots(Step):
    """Removes all but the purchases of shoppers who looked at more items in an hour or a day than a person can."""

    name: ClassVar[str] = "robots"
    needs_times: ClassVar[bool] = True

    items_an_hour: int = Field(default=200, gt=0)
    """Different items looked at in one hour, UTC: one each 18 seconds, without a pause. The busiest of 8 days of a web
    shop met 18 (RetailRocket, 2026-11)."""
    items_a_day: int = Field(default=500, gt=0)
    """Different items looked at in one day, UTC. The busiest of 8 days of a web shop met 33 (RetailRocket, 2026-11)."""

    def apply(self, events: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, Removed]:  # noqa: ARG002
        hasty = pl.concat([_above(events, "1h", self.items_an_hour), _above(events, "1d", self.items_a_day)])
        robots = hasty.unique().sort()
        gone = pl.col("shopper").is_in(robots.implode()) & ~pl.col("event_type").is_in(PAID)
        removed = events.filter(gone)
        examples = ", ".join(shown(shopper) for shopper in robots[:3])
        what = (
            f"{len(robots):,} shoppers looked at over {self.items_an_hour:,} items in an hour or {self.items_a_day:,} "
            f"in a day, and all but their purchases goes{': ' + examples if examples else ''}."
        )
        return events.filter(~gone), self.removed({"events": len(removed), "shoppers": len(robots)}, what)


def _above(events: pl.DataFrame, span: str, most: int) -> pl.Series:
    """Return the shoppers who looked at more than so many items within one hour or day of the clock."""
    looks = events.lazy().filter(pl.col("event_type").is_in(LOOKING))
    # Who has not so many looks in all is not counted by the clock.
    many = looks.group_by("shopper").len().filter(pl.col("len") > most)
    spans = looks.join(many, on="shopper", how="semi").group_by("shopper", pl.col("ts").dt.truncate(span))
    busy = spans.agg(pl.col("item_id").n_unique()).filter(pl.col("item_id") > most)
    return busy.select("shopper").collect()["shopper"]
