"""Where the data ends: with the last day on which the shop did business."""

from datetime import datetime

import polars as pl

QUIET = 0.1
"""A day with fewer events than this share of a usual one is no day of business."""

_USUAL_DAYS = 56
"""Newest days with events whose median is a usual day."""


def data_end_us(events: pl.DataFrame, now: datetime) -> int:
    """Return the first moment, microseconds since the epoch, that training does not look at.

    events: `training.read.ShopData.events`, not empty. Events ahead of now do not count. Nor do those that trail behind
    the last day of business: somebody who tries the service out weeks after an import, or the first minutes of today,
    would leave a last horizon with next to nothing in it. They are in the shoppers' histories all the same.
    """
    times = events.select("ts").filter(pl.col("ts") <= now)
    daily = times.group_by(day=pl.col("ts").dt.date()).len().sort("day").tail(_USUAL_DAYS)
    busy = daily.filter(pl.col("len") >= QUIET * pl.col("len").median())["day"]
    last = times.filter(pl.col("ts").dt.date() <= busy[-1])["ts"]
    return int(last.dt.timestamp("us").max()) + 1  # type: ignore[arg-type] # there are some
