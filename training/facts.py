"""Count what rankers look at of each item: how many shoppers when, how often again, since when, and what it is."""

import numpy as np
import polars as pl

from models.arrays import DAY_US, Float64, Int32, Mask
from models.facts import GAP, PRICE, SHOPPERS, Facts
from training.data import TrainingData

_WINDOWS_DAYS = (7, 28, 84)
_DEPTHS = 3
_USUAL_AFTER = 5.0
"""Pairs of purchases of the usual gap, and shoppers of the usual rate, that every item begins with."""


def facts_of(data: TrainingData) -> Facts:
    """Return what is known of each bundle row before the end of the data."""
    numbers = _numbers(data)
    group_names, groups = _groups(data.items)
    return Facts(
        names=tuple(numbers),
        numbers=np.append(np.stack(list(numbers.values()), axis=1), np.full((1, len(numbers)), np.nan), axis=0).astype(
            np.float32
        ),
        group_names=group_names,
        groups=np.append(groups, np.full((1, groups.shape[1]), -1, dtype=np.int32), axis=0),
    )


def _numbers(data: TrainingData) -> dict[str, Float64]:
    found = {SHOPPERS: np.log1p(_shoppers(data, np.ones(len(data.events), dtype=np.bool_)))}
    if not data.timeless:
        ages_us = data.until_us - data.events.ts_us
        within = {days: np.log1p(_shoppers(data, ages_us <= days * DAY_US)) for days in _WINDOWS_DAYS}
        found |= {f"shoppers of {days} days": counts for days, counts in within.items()}
        found["trend of a week"] = within[7] - np.log1p(np.expm1(within[28]) / 4)
        found["trend of four weeks"] = within[28] - np.log1p(np.expm1(within[84]) / 3)
        first_us = np.full(len(data.items), data.until_us, dtype=np.int64)
        np.minimum.at(first_us, data.events.items, data.events.ts_us)
        found["days since the first event"] = np.log1p((data.until_us - first_us) / DAY_US)
    prices = data.items["price"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    found[PRICE] = np.log(np.where(prices > 0, prices, np.nan))
    return found | _again(data)


def _shoppers(data: TrainingData, counted: Mask) -> Float64:
    """Count the distinct shoppers of each row who liked it in the events that are marked."""
    events = data.events
    liked = counted & (np.array(data.memory.weights)[events.types] > 0)
    pairs = np.unique(events.items[liked].astype(np.int64) * len(data.shoppers) + events.owners[liked])
    return np.bincount(pairs // len(data.shoppers), minlength=len(data.items)).astype(np.float64)


def _again(data: TrainingData) -> dict[str, Float64]:
    """Return how many of an item's buyers bought it again, and after how many days, drawn towards all items'."""
    own, n = data.summary, len(data.items)
    bought, again = own.purchases > 0, own.purchases > 1
    n_bought = np.bincount(own.items[bought], minlength=n)
    n_again = np.bincount(own.items[again], minlength=n)
    gaps = (own.last_purchase_us[again] - own.first_purchase_us[again]) / DAY_US / (own.purchases[again] - 1)
    gap_sums = np.bincount(own.items[again], weights=gaps, minlength=n)
    usual_rate = n_again.sum() / max(n_bought.sum(), 1)
    usual_gap = float(gaps.mean()) if len(gaps) else np.nan
    return {
        "bought again": (n_again + _USUAL_AFTER * usual_rate) / (n_bought + _USUAL_AFTER),
        GAP: np.maximum((gap_sums + _USUAL_AFTER * usual_gap) / (n_again + _USUAL_AFTER), 1 / 24),
        "share bought": np.bincount(own.items, weights=own.purchases, minlength=n)
        / np.maximum(np.bincount(own.items, weights=own.counts, minlength=n), 1),
    }


def _groups(items: pl.DataFrame) -> tuple[tuple[str, ...], Int32]:
    """Return names and numbers, shape (n, g), of what items are grouped by.

    Also a column that nobody has: what came later may have it, and a ranker is to know the same features then.
    """
    columns = {f"category {depth}": _path(depth) for depth in range(1, _DEPTHS + 1)} | {"brand": pl.col("brand")}
    numbers, first = [], 0
    for name, values in columns.items():
        ranks = items.select((values.rank("dense") - 1).cast(pl.Int32).fill_null(-1).alias(name))[name].to_numpy()
        numbers.append(np.where(ranks >= 0, ranks + first, -1))
        first += int(ranks.max(initial=-1)) + 1
    return tuple(columns), np.stack(numbers, axis=1).astype(np.int32)


def _path(depth: int) -> pl.Expr:
    """Select the first parts of the category path as one text; null where the path is shorter."""
    path = pl.col("category").list
    return pl.when(path.len() >= depth).then(path.head(depth).list.join("\x1f")).otherwise(None)
