"""A small shop that a whole training takes two seconds for, and its rows in a real database."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import polars as pl

from store.database import Database
from store.events import EVENT_COLUMNS, append_events
from store.items import ITEM_COLUMNS, upsert_items
from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.config import Recipe
from training.read import ShopData

WEEKS = 12
HORIZON_DAYS = 14
RECIPE = Recipe(min_shoppers=2, horizon_days=HORIZON_DAYS, seed=3)
FEW_SOURCES = RECIPE.model_copy(update={"sources": {"item_knn": {}, "buy_again": {}, "popular": {}}})
"""A recipe that is fitted quickly."""
WORSE = RECIPE.model_copy(update={"sources": {"popular": {}, "trending": {}}})


def corner_shop() -> ShopData:
    """Gardeners and cooks, 14 each: a weekly order of two staples and one of the community's other items."""
    chance, rows = Random("corner"), []  # noqa: S311 - a shop, not a secret
    items = {name: [f"{name}-{number}" for number in range(12)] for name in ("garden", "kitchen")}
    for name, ids in items.items():
        for number in range(14):
            shopper, staples = f"u:{name}-{number}", chance.sample(ids, 2)
            for week in range(1, WEEKS + 1):
                ts = NOW - timedelta(days=7 * week - chance.randrange(5), minutes=chance.randrange(600))
                basket = [*staples, chance.choice([it for it in ids if it not in staples])]
                rows += [event(shopper, it, ts, order_id=f"{shopper}/{week}", price=float(len(it))) for it in basket]
    catalogue = [item(it, (name,), title=it.replace("-", " [b]")) for name, ids in items.items() for it in ids]
    return ShopData(event_frame(rows), item_frame(catalogue), 0)


def stock(database: Database, shop: ShopData, later: timedelta = timedelta()) -> None:
    """Put a shop into a database, its times moved; what is there already is left as it is."""
    events = shop.events.with_columns(
        ts_us=(pl.col("ts") + later).dt.timestamp("us"),
        user_id=pl.when(pl.col("shopper").str.starts_with("u:")).then(pl.col("shopper").str.slice(2)),
        anonymous_id=pl.when(pl.col("shopper").str.starts_with("a:")).then(pl.col("shopper").str.slice(2)),
        event_id=pl.format("{}/{}/{}", "shopper", pl.col("ts").dt.timestamp("us"), pl.col("item_id").fill_null("")),
        digest=pl.lit(1),
    )
    items = shop.items.with_columns(
        category=_as_json("category"),
        tags=_as_json("tags"),
        **{f"{name}_us": pl.col(name).dt.timestamp("us") for name in ("available_from", "available_until")},
        published_at_us=(pl.col("published_at") + later).dt.timestamp("us"),
    ).drop("embedding")
    with database.writing() as connection:
        append_events(connection, _rows_of(events, EVENT_COLUMNS))
        upsert_items(connection, _rows_of(items, ITEM_COLUMNS), now_us=microseconds(NOW))


def changed(shop: ShopData, change: Callable[[pl.DataFrame], pl.DataFrame]) -> ShopData:
    """The shop with other events."""
    return ShopData(change(shop.events), shop.items, shop.last_seq)


def _as_json(column: str) -> pl.Expr:
    joined = pl.col(column).list.join('","')
    return pl.when(pl.col(column).list.len() > 0).then(pl.format('["{}"]', joined))


def _rows_of(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[tuple[object, ...]]:
    return frame.select(pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in columns).rows()
