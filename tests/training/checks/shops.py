"""A shop with nothing wrong, and the ways in which the tests make it sick."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

import polars as pl

from models.events import EVENT_TYPES
from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.checks.evidence import Evidence

N_SHOPPERS, N_ITEMS, N_DAYS = 200, 60, 120
TYPES = ("view", "view", "view", "add_to_cart", "purchase", "purchase")

Change: TypeAlias = Callable[[Evidence], Evidence]


@lru_cache(maxsize=1)
def normal_shop() -> Evidence:
    """200 shoppers, every fifth of them anonymous, with 5 to 20 events each on 60 items in 120 days."""
    chance = random.Random(3)  # noqa: S311 - a shop, not a secret
    events = [
        event(
            f"{'a' if number % 5 == 0 else 'u'}:{number}",
            f"i{min(int(chance.expovariate(3 / N_ITEMS)), N_ITEMS - 1)}",
            NOW - timedelta(seconds=chance.uniform(0, N_DAYS * 86400)),
            chance.choice(TYPES),
            price=round(chance.uniform(1.5, 2.5), 2),
        )
        for number in range(N_SHOPPERS)
        for _ in range(chance.randint(5, 20))
    ]
    items = [item(f"i{number}", ("shop", f"aisle {number % 4}")) for number in range(N_ITEMS)]
    return evidence(events, items)


def evidence(events: Iterable[dict[str, Any]], items: Iterable[dict[str, Any]], *, now: datetime = NOW) -> Evidence:
    """Rows as what the checks look at, for a training that looks four weeks ahead."""
    return Evidence(
        event_frame(events),
        item_frame(items),
        microseconds(now),
        horizon_days=28,
        min_shoppers=5,
        liking=[name for name in EVENT_TYPES if name not in {"refund", "remove_from_cart", "impression", "search"}],
    )


def events_with(**columns: pl.Expr) -> Change:
    """Replace columns of all events."""
    return lambda shop: replace(shop, events=shop.events.with_columns(**columns))


def items_with(**columns: pl.Expr) -> Change:
    """Replace columns of all items."""
    return lambda shop: replace(shop, items=shop.items.with_columns(**columns))


def more_events(rows: Iterable[dict[str, Any]]) -> Change:
    """Add events."""
    added = event_frame(rows)
    return lambda shop: replace(shop, events=pl.concat([shop.events, added]).sort("shopper", "ts"))


def more_items(rows: Iterable[dict[str, Any]]) -> Change:
    """Add items to the catalogue."""
    added = item_frame(rows)
    return lambda shop: replace(shop, items=pl.concat([shop.items, added]))


def later(**span: float) -> Change:
    """Look at the same data at a later, or with a negative span an earlier, moment."""
    return lambda shop: replace(shop, now_us=shop.now_us + timedelta(**span) // timedelta(microseconds=1))


def every(n: int) -> pl.Expr:
    """Mark every n-th row."""
    return pl.int_range(pl.len()) % n == 0
