"""The cut: what a model may learn from, and what shoppers bought afterwards."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.arrays import DAY_US, Float64, Int32, Int64, Mask
from models.errors import InputError
from models.events import CODE_OF, PURCHASE
from models.history import Events, Memory, cancelled
from models.vocabulary import Vocabulary
from training.data import TrainingData, prepare

PRICE_DAYS = 28
"""The price that a shop is taken to have known: the median of the item's last so many days of sales."""


@dataclass(frozen=True)
class HeldOut:
    """Purchases in [cutoff, until) that nothing took back, of items that may be recommended; columns of shape (n,)."""

    shoppers: tuple[str, ...]
    """Shopper keys, by owner number."""
    vocabulary: Vocabulary
    """The past's rows, followed by the items that only the future knows: those are misses for every model."""
    owners: Int32
    rows: Int32
    amounts: Float64
    """What was paid: unit price times quantity; 0 if not known."""
    orders: Int32
    """Which order, as a number from 0; -1 if none."""
    repeats: Mask
    """Whether the shopper had bought the item before the cutoff."""
    cutoff_us: int
    until_us: int

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Split:
    """One shop cut in two by time."""

    past: TrainingData
    """All that a fit may see."""
    held_out: HeldOut
    shoppers_before: frozenset[str]
    """Shopper keys with at least one event before the cutoff."""
    ends_early_days: float
    """By how much the data ends before the horizon does; 0 if it does not."""

    def owners_before(self, shoppers: Int64) -> Int64:
        """Return the past's owner numbers of held-out ones, shape (n,); -1 for a shopper of whom nothing is known."""
        number_of = {shopper: number for number, shopper in enumerate(self.past.shoppers)}
        return np.array([number_of.get(self.held_out.shoppers[i], -1) for i in shoppers.tolist()], dtype=np.int64)

    def n_known(self, owners: Int64) -> Int64:
        """Return how many items the histories of the past's owners hold, shape (n,); 0 for owner -1."""
        counts = np.bincount(self.past.summary.owners, minlength=len(self.past.shoppers))
        return np.where(owners >= 0, counts[owners], 0)

    def seen_before(self) -> Mask:
        """Mark the held-out purchases, shape (n,), of shoppers with at least one event before the cutoff."""
        seen = [shopper in self.shoppers_before for shopper in self.held_out.shoppers]
        return np.array(seen, dtype=np.bool_)[self.held_out.owners]


def split_by_time(
    events: pl.DataFrame,
    items: pl.DataFrame,
    *,
    cutoff_us: int,
    horizon_days: float,
    memory: Memory,
    min_shoppers: int,
    seed: int,
) -> Split:
    """Cut at a moment: learn before it, measure on the days after it.

    events, items: the frames of `training.read`. Raises TrainingError if nothing lies before the cutoff and InputError
    if nothing was bought after it.
    """
    ts_us = pl.col("ts").dt.timestamp("us")
    before = events.filter(ts_us < cutoff_us)
    past = prepare(
        before,
        catalogue_before(before, items, cutoff_us),
        until_us=cutoff_us,
        memory=memory,
        min_shoppers=min_shoppers,
        seed=seed,
    )
    until_us = cutoff_us + round(horizon_days * DAY_US)
    after = events.filter((ts_us >= cutoff_us) & (ts_us < until_us))
    last_us = int(events.select(ts_us.max()).item())
    return Split(
        past=past,
        held_out=_held_out(after, items, before, past, until_us),
        shoppers_before=frozenset(before["shopper"].unique().to_list()),
        ends_early_days=max(0.0, (until_us - 1 - last_us) / DAY_US),
    )


def catalogue_before(before: pl.DataFrame, items: pl.DataFrame, cutoff_us: int) -> pl.DataFrame:
    """Return the catalogue as it may be used by a model that stands at the cutoff, in the order of `items`.

    before: the events before the cutoff. An item that is published later and has no event yet is not there; a price is
    what the item lately cost until then; everything is in stock, because today's stock tells what sold since.
    """
    known = items.join(before.select("item_id").unique(), on="item_id", how="semi")["item_id"]
    published = pl.col("published_at").dt.timestamp("us").fill_null(cutoff_us - 1) < cutoff_us
    priced = before.filter((pl.col("event_type") == "purchase") & pl.col("price").is_not_null())
    lately = priced.filter(pl.col("ts") > pl.col("ts").max().over("item_id") - pl.duration(days=PRICE_DAYS))
    prices = lately.group_by("item_id").agg(pl.col("price").median())
    return (
        items.filter(published | pl.col("item_id").is_in(known.implode()))
        .drop("price")
        .join(prices, on="item_id", how="left", maintain_order="left")
        .with_columns(in_stock=pl.lit(value=True))
        .select(items.columns)
    )


def _held_out(
    after: pl.DataFrame, items: pl.DataFrame, before: pl.DataFrame, past: TrainingData, until_us: int
) -> HeldOut:
    """Lay the later events out in rows and keep the purchases that stood."""
    banned = items.filter(~pl.col("recommendable"))["item_id"]
    after = after.filter(~pl.col("item_id").is_in(banned.implode())).sort("shopper", "ts", maintain_order=True)
    shoppers = after["shopper"].unique().sort()
    wider = past.vocabulary.extended(after["item_id"].unique(maintain_order=True))
    paid = pl.col("price").fill_null(0.0) * pl.col("quantity").fill_null(1.0)
    columns = after.select(
        owners=pl.col("shopper").replace_strict(shoppers, np.arange(len(shoppers)), return_dtype=pl.Int32),
        types=pl.col("event_type").replace_strict(CODE_OF, return_dtype=pl.UInt8),
        ts_us=pl.col("ts").dt.timestamp("us"),
        orders=pl.col("order_id").rank("dense").cast(pl.Int32).fill_null(0) - 1,
        amounts=paid.fill_nan(0.0),
    )
    events = Events(
        owners=columns["owners"].to_numpy(),
        items=wider.rows(after["item_id"]),
        types=columns["types"].to_numpy(),
        ts_us=columns["ts_us"].to_numpy(),
        prices=np.zeros(len(after), dtype=np.float32),
        orders=columns["orders"].to_numpy(),
    )
    stood = (events.types == PURCHASE) & ~cancelled(events)
    if not stood.any():
        raise InputError(_nothing_bought(past.until_us, until_us))
    return HeldOut(
        shoppers=tuple(shoppers.to_list()),
        vocabulary=wider,
        owners=events.owners[stood],
        rows=events.items[stood],
        amounts=columns["amounts"].to_numpy()[stood],
        orders=events.orders[stood],
        repeats=_bought_before(after, before, past)[stood],
        cutoff_us=past.until_us,
        until_us=until_us,
    )


def _bought_before(after: pl.DataFrame, before: pl.DataFrame, past: TrainingData) -> Mask:
    """Mark the rows of `after` whose shopper bought the item before, as histories say it: a refund takes back.

    Items that the catalogue lacks are in no history; the bare purchases tell of those.
    """
    bought = past.summary.take(past.summary.purchases > 0)
    ids, shoppers = pl.Series(past.vocabulary.ids), pl.Series(past.shoppers)
    pairs = pl.DataFrame({"shopper": shoppers.gather(bought.owners), "item_id": ids.gather(bought.items)})
    others = before.filter((pl.col("event_type") == "purchase") & ~pl.col("item_id").is_in(ids.implode()))
    pairs = pl.concat([pairs, others.select("shopper", "item_id").unique()])
    known = after.select("shopper", "item_id").join(
        pairs.with_columns(known=pl.lit(value=True)), on=["shopper", "item_id"], how="left", maintain_order="left"
    )
    return known["known"].fill_null(value=False).to_numpy()


def _nothing_bought(cutoff_us: int, until_us: int) -> str:
    days = [f"{np.datetime64(moment, 'us').astype('datetime64[D]')}" for moment in (cutoff_us, until_us)]
    return (
        f"nothing that can be recommended was bought from {days[0]} to {days[1]}; "
        "choose an earlier --cutoff, or import newer purchases"
    )
