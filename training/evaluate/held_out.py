"""The cut: what a model may learn from, and what shoppers bought afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from models.arrays import DAY_US, Float64, Int32, Int64, Mask
from models.errors import InputError
from models.events import CODE_OF, PURCHASE
from models.history import Events, cancelled
from models.vocabulary import Vocabulary
from training.data import TrainingData
from training.read import ShopData

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
    ts_us: Int64
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

    def owners_before(self, shoppers: Int64) -> Int64:
        """Return the past's owner numbers of held-out ones, shape (n,); -1 for a shopper of whom nothing is known."""
        number_of = {shopper: number for number, shopper in enumerate(self.past.shoppers)}
        return np.array([number_of.get(self.held_out.shoppers[i], -1) for i in shoppers.tolist()], dtype=np.int64)

    def seen_before(self) -> Mask:
        """Mark the held-out purchases, shape (n,), of shoppers with at least one event before the cutoff."""
        seen = [shopper in self.shoppers_before for shopper in self.held_out.shoppers]
        return np.array(seen, dtype=np.bool_)[self.held_out.owners]


def known_before(shop: ShopData, cutoff_us: int, *, shown_until_us: int | None = None) -> ShopData:
    """Return what a model that stands at the cutoff may learn from: nothing later is left in it.

    An item that is published later and has no event yet is not in the catalogue; a price is what the item lately cost
    until then; everything is in stock, because today's stock tells what sold since.
    shown_until_us: until when items may be published, where questions are asked after the cutoff: a shop shows what it
    has by then.
    Raises InputError if no event lies before the cutoff.
    """
    before = shop.events.filter(_between(None, cutoff_us))
    if before.is_empty():
        raise InputError(f"no event lies before the cutoff, {_day(cutoff_us)}; choose a later --cutoff")
    published = pl.col("published_at").dt.timestamp("us").fill_null(cutoff_us - 1) < (shown_until_us or cutoff_us)
    priced = before.filter((pl.col("event_type") == "purchase") & pl.col("price").is_not_null())
    lately = priced.filter(pl.col("ts") > pl.col("ts").max().over("item_id") - pl.duration(days=PRICE_DAYS))
    prices = lately.group_by("item_id").agg(pl.col("price").median())
    items = (
        shop.items.filter(published | pl.col("item_id").is_in(before["item_id"].unique().implode()))
        .drop("price")
        .join(prices, on="item_id", how="left", maintain_order="left")
        .with_columns(in_stock=pl.lit(value=True))
        .select(shop.items.columns)
    )
    return replace(shop, events=before, items=items)


def hold_out(shop: ShopData, past: TrainingData, horizon_days: float) -> Split:
    """Return what shoppers bought in the days after the past.

    shop: whole, not only what was known before. `refuse_nothing_to_find` says whether there is anything to hold out.
    """
    until_us = past.until_us + round(horizon_days * DAY_US)
    before = shop.events.filter(_between(None, past.until_us))
    after = shop.events.filter(_between(past.until_us, until_us))
    return Split(
        past=past,
        held_out=_held_out(after, shop.items, before, past, until_us),
        shoppers_before=frozenset(before["shopper"].unique().to_list()),
    )


def split_at(shop: ShopData, lay_out: Callable[[ShopData, int], TrainingData], cutoff_us: int, days: float) -> Split:
    """Cut a shop by time. Raises InputError when nothing comes before the cutoff, or nothing to find in the days after.

    lay_out: lays what was known before a moment out for fits.
    """
    refuse_nothing_to_find(shop, cutoff_us, days)
    return hold_out(shop, lay_out(known_before(shop, cutoff_us), cutoff_us), days)


def refuse_nothing_to_find(shop: ShopData, cutoff_us: int, horizon_days: float) -> None:
    """Raise InputError if nothing that can be recommended was bought in the horizon: cheaper to know before a fit."""
    until_us = cutoff_us + round(horizon_days * DAY_US)
    bought = pl.col("event_type") == "purchase"
    later = shop.events.filter(bought & _between(cutoff_us, until_us))
    if not later.filter(~pl.col("item_id").is_in(_never_recommended(shop.items))).is_empty():
        return
    sold_us = shop.events.filter(bought)["ts"].dt.timestamp("us").to_numpy()
    if not len(sold_us):
        told = "there are no purchases at all; import some"
    elif sold_us.min() >= until_us:
        told = f"the first purchase is of {_day(int(sold_us.min()))}; choose a later --cutoff"
    else:
        last = _day(int(sold_us.max()))
        told = (
            f"the last purchase is of {last}; import newer purchases, or choose an earlier --cutoff, "
            "or a longer horizon_days in the training file"
        )
    raise InputError(
        f"nothing that can be recommended was bought from {_day(cutoff_us)} to {_day(until_us)}, and {told}"
    )


def _held_out(
    after: pl.DataFrame, items: pl.DataFrame, before: pl.DataFrame, past: TrainingData, until_us: int
) -> HeldOut:
    """Lay the later events out in rows and keep the purchases that stood."""
    after = after.filter(~pl.col("item_id").is_in(_never_recommended(items))).sort("shopper", "ts", maintain_order=True)
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
    return HeldOut(
        shoppers=tuple(shoppers.to_list()),
        vocabulary=wider,
        owners=events.owners[stood],
        rows=events.items[stood],
        amounts=columns["amounts"].to_numpy()[stood],
        orders=events.orders[stood],
        repeats=_bought_before(after, before, past)[stood],
        ts_us=events.ts_us[stood],
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


def _never_recommended(items: pl.DataFrame) -> pl.Series:
    return items.filter(~pl.col("recommendable"))["item_id"].implode()


def _between(start_us: int | None, end_us: int) -> pl.Expr:
    """Select the events of [start, end); without a start, all before the end."""
    ts_us = pl.col("ts").dt.timestamp("us")
    return ts_us < end_us if start_us is None else (ts_us >= start_us) & (ts_us < end_us)


def _day(moment_us: int) -> str:
    return str(np.datetime64(moment_us, "us").astype("datetime64[D]"))
