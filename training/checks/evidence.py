"""What the checks look at: a shop's events and catalogue, and what several checks count once."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from models.arrays import DAY_US

STRAY_SPANS = 10
"""Times the span of the middle half of the events. One that doubles each quarter begins 6 before it in 3 years."""

STRAY_DAYS = 365
"""However short the span, a year of a few first events is no accident."""


@dataclass(frozen=True)
class Evidence:
    """A shop's data as `training.read` gives it, and what a training would ask of it."""

    events: pl.DataFrame
    """event_type, shopper, item_id, ts, quantity, price, order_id, session_id."""
    items: pl.DataFrame
    """The catalogue, columns of docs/formats.md; an empty list counts as none."""
    now_us: int
    """Microseconds since the epoch, UTC."""
    horizon_days: float
    """How far ahead a training predicts: it keeps one such stretch for fitting the blend and one for evaluating."""
    min_shoppers: int
    """How many shoppers must have liked an item before the collaborative sources may learn it."""
    liking: Collection[str]
    """Event types that say something of liking: those with a weight above 0."""

    @cached_property
    def now(self) -> pl.Expr:
        """The moment `now_us` as a time that events can be compared with."""
        return pl.lit(self.now_us).cast(pl.Datetime("us", "UTC"))

    @cached_property
    def by_shopper(self) -> pl.DataFrame:
        """Columns shopper, n_events, n_items: one row a shopper with events, the busiest first."""
        return (
            self.events.group_by("shopper")
            .agg(n_events=pl.len(), n_items=pl.col("item_id").n_unique())
            .sort("n_events", "shopper", descending=[True, False])
        )

    @cached_property
    def by_item(self) -> pl.DataFrame:
        """Columns item_id, n_events: one row an item with events, known or not, the busiest first."""
        return (
            self.events.group_by("item_id").agg(n_events=pl.len()).sort("n_events", "item_id", descending=[True, False])
        )

    @cached_property
    def learnable(self) -> pl.LazyFrame:
        """The events that teach: signs of liking, about items that the catalogue has, not after now."""
        return (
            self.events.lazy()
            .filter(pl.col("event_type").is_in(list(self.liking)), pl.col("ts") <= self.now)
            .join(self.items.lazy().select("item_id"), on="item_id", how="semi")
        )

    @cached_property
    def usual_from_us(self) -> int:
        """The moment, microseconds since the epoch, before which an event is astray from the bulk of the others.

        Tukey's fence with 10 spans instead of 3, and at least a year wide.
        """
        ts_us = self.events["ts"].dt.timestamp("us")
        first, third = ts_us.quantile(0.25), ts_us.quantile(0.75)
        if first is None or third is None:
            return self.now_us
        return int(first - max(STRAY_SPANS * (third - first), STRAY_DAYS * DAY_US))

    @cached_property
    def window_days(self) -> float:
        """Days from the first to the last event to learn from, without those astray; 0 when there is none."""
        ts_us = pl.col("ts").dt.timestamp("us")
        found = (
            self.learnable.select(ts_us).filter(pl.col("ts") >= self.usual_from_us).select(pl.max("ts") - pl.min("ts"))
        )
        return float(found.collect().item() or 0) / DAY_US
