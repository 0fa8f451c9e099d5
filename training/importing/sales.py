"""What a catalogue can be told by its sales: prices and first days, for data sets that come without them."""

import polars as pl

PRICE_DAYS = 28
"""A price is the median of this many days up to the last sale: four weeks, so that one week's offer does not decide."""

UNKNOWN_BEFORE_DAYS = 28
"""A first sale within so many days of the data's start says nothing: the item may have been there before."""


def told_by_sales(sales: pl.LazyFrame) -> pl.DataFrame:
    """Return item_id, price (null where nothing was paid) and published_at (null where it is not known).

    sales: columns item_id, ts and price, the unit price.
    """
    item = pl.col("item_id")
    recent = pl.col("ts") > pl.col("ts").max().over(item) - pl.duration(days=PRICE_DAYS)
    prices = sales.filter(recent & (pl.col("price") > 0)).group_by(item).agg(pl.col("price").median())
    first = sales.group_by(item).agg(published_at=pl.col("ts").min())
    start = pl.col("published_at").min() + pl.duration(days=UNKNOWN_BEFORE_DAYS)
    known = pl.when(pl.col("published_at") >= start).then("published_at").alias("published_at")
    return first.with_columns(known).join(prices, on="item_id", how="left").collect()
