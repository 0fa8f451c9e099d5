"""A shop made up for measuring: few items sell much and many little, shoppers have tastes and come back for things."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from models.arrays import DAY_US, Float64, Int64
from models.events import PURCHASE
from models.history import Events, History, Memory, Recent
from store.shoppers import past_of

END: Final = datetime(2026, 11, 2, tzinfo=UTC)
TIME: Final = pl.Datetime("us", "UTC")
DAYS: Final = 180
ITEMS_PER_TASTE: Final = 500
TASTES_PER_SHOPPER: Final = 3
LINES_PER_SHOPPER: Final = 150
LINES_PER_ORDER: Final = 10
REPEATED: Final = 0.3
"""Of the lines, what a shopper buys again."""
NEW_EVERY: Final = 80
"""One item in so many was published in the last weeks."""
_UNIFORM: Final = 0.4
"""Of the lines, those that go to any item of a taste alike: so that the tail is bought at all."""


@dataclass(frozen=True)
class Shop:
    """Frames as `training.data.prepare` takes them."""

    events: pl.DataFrame
    items: pl.DataFrame
    until: datetime
    """When the data ends."""

    @property
    def until_us(self) -> int:
        """When the data ends."""
        return int(self.until.timestamp()) * 1_000_000


def made_up_shop(n_items: int, n_shoppers: int, seed: int, until: datetime = END) -> Shop:
    """Return a shop in which a shopper buys LINES_PER_SHOPPER lines in DAYS days; the same for the same seed.

    until: when the data ends, a whole second.
    """
    chance = np.random.default_rng(seed)
    shape = (n_shoppers, LINES_PER_SHOPPER)
    tastes = chance.integers(max(n_items // ITEMS_PER_TASTE, 1), size=(n_shoppers, TASTES_PER_SHOPPER))
    # The lines of an order come from one taste more often than not: that is what bought_together can learn.
    orders = np.arange(LINES_PER_SHOPPER) // LINES_PER_ORDER
    of_order = chance.integers(TASTES_PER_SHOPPER, size=(n_shoppers, orders[-1] + 1))[:, orders]
    taste = np.take_along_axis(tastes, of_order, axis=1)
    items = np.minimum(taste * ITEMS_PER_TASTE + _places(chance, shape), n_items - 1)
    earlier = (np.arange(LINES_PER_SHOPPER) * chance.random(shape)).astype(np.int64)
    items = np.where(chance.random(shape) < REPEATED, np.take_along_axis(items, earlier, axis=1), items)
    moments = np.sort(chance.random((n_shoppers, orders[-1] + 1)), axis=1)[:, orders]
    ages_us = ((1 - moments) * DAYS * DAY_US).astype(np.int64)
    return Shop(_events(items, orders, ages_us, until), _items(n_items, until), until)


def made_up_history(
    item_ids: tuple[str, ...], n_past: int, n_recent: int, as_of_us: int, memory: Memory, seed: int
) -> History:
    """Return a shopper with n_past items before a moment and n_recent events in the day after it.

    item_ids: what the shopper may have bought, the likeliest first; at least n_past. A third was bought more than once.
    """
    chance = np.random.default_rng(seed)
    likelihood = 1 / (np.arange(len(item_ids)) + 20)
    own = chance.choice(len(item_ids), n_past, replace=False, p=likelihood / likelihood.sum())
    bought = np.concatenate([own, chance.choice(own, n_past // 2)])
    past_us = as_of_us - np.sort(chance.integers(1, DAYS * DAY_US, len(bought)))[::-1]
    past = past_of([item_ids[number] for number in bought], _columns(past_us), as_of_us, memory)
    since = np.concatenate(
        [chance.choice(own, n_recent // 2), chance.integers(0, len(item_ids), n_recent - n_recent // 2)]
    )
    recent_us = as_of_us + 1 + np.sort(chance.integers(0, DAY_US - 1, n_recent))
    return History(past, Recent(tuple(item_ids[number] for number in since), _columns(recent_us)))


def _places(chance: np.random.Generator, shape: tuple[int, int]) -> Int64:
    """Return places within a taste, most of them by a power law."""
    weights: Float64 = 1 / (np.arange(ITEMS_PER_TASTE) + 5) ** 0.9
    lawful = np.searchsorted(np.cumsum(weights / weights.sum()), chance.random(shape))
    return np.where(chance.random(shape) < _UNIFORM, chance.integers(ITEMS_PER_TASTE, size=shape), lawful)


def _events(items: Int64, orders: Int64, ages_us: Int64, until: datetime) -> pl.DataFrame:
    n_shoppers, n_lines = items.shape
    shoppers = np.repeat(np.arange(n_shoppers), n_lines)
    order = pl.lit("u:") + pl.col("shopper").cast(pl.String)
    return (
        pl.DataFrame({"shopper": shoppers, "item": items.ravel(), "order": np.tile(orders, n_shoppers)})
        .with_columns(ts=pl.lit(until).dt.cast_time_unit("us") - pl.Series(ages_us.ravel()).cast(pl.Duration("us")))
        .select(
            event_type=pl.lit("purchase"),
            shopper=order,
            item_id=pl.lit("i") + pl.col("item").cast(pl.String),
            ts=pl.col("ts"),
            quantity=pl.lit(1.0),
            price=pl.lit(2.0),
            order_id=order + "/" + pl.col("order").cast(pl.String),
            session_id=pl.lit(None, pl.String),
        )
        .sort("shopper", "ts", maintain_order=True)
    )


def _items(n_items: int, until: datetime) -> pl.DataFrame:
    numbers = np.arange(n_items)
    words = np.random.default_rng(n_items).integers(2_000, size=(n_items, 3))
    is_new = numbers % NEW_EVERY == 0
    opened, arrived = until - timedelta(days=900), until - timedelta(days=20)
    none = [None] * n_items
    return pl.DataFrame(
        {
            "item_id": [f"i{number}" for number in numbers],
            "group_id": pl.Series(none, dtype=pl.String),
            "title": [" ".join(f"w{word}" for word in row) for row in words],
            "description": pl.Series(none, dtype=pl.String),
            "category": [[f"d{n // (ITEMS_PER_TASTE * 5)}", f"c{n // 25}"] for n in numbers],
            "brand": [f"b{number % 700}" for number in numbers],
            "price": [2.0] * n_items,
            "in_stock": [True] * n_items,
            "recommendable": [True] * n_items,
            "available_from": pl.Series(none, dtype=TIME),
            "available_until": pl.Series(none, dtype=TIME),
            "tags": pl.Series([[]] * n_items, dtype=pl.List(pl.String)),
            "attributes": pl.Series(none, dtype=pl.String),
            "published_at": pl.Series([arrived if new else opened for new in is_new], dtype=TIME),
            "embedding": pl.Series(none, dtype=pl.List(pl.Float32)),
        }
    )


def _columns(ts_us: Int64) -> Events:
    n = len(ts_us)
    return Events(
        owners=np.zeros(n, np.int32),
        items=np.zeros(n, np.int32),
        types=np.full(n, PURCHASE, np.uint8),
        ts_us=ts_us.astype(np.int64),
        prices=np.full(n, 2, np.float32),
        orders=np.full(n, -1, np.int32),
    )
