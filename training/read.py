"""The shop's events and catalogue, from the database into two frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.errors import TrainingError
from store.database import Database
from store.events import read_events, settled_seq
from store.items import read_items

_TIME = pl.Datetime("us", "UTC")

_EVENT_TYPES: dict[str, Any] = {
    "event_type": pl.String,
    "user_id": pl.String,
    "anonymous_id": pl.String,
    "item_id": pl.String,
    "ts_us": pl.Int64,
    "quantity": pl.Float64,
    "price": pl.Float64,
    "order_id": pl.String,
    "session_id": pl.String,
}
_ITEM_TYPES: dict[str, Any] = {
    "item_id": pl.String,
    "group_id": pl.String,
    "title": pl.String,
    "description": pl.String,
    "category": pl.String,
    "brand": pl.String,
    "price": pl.Float64,
    "in_stock": pl.Boolean,
    "recommendable": pl.Boolean,
    "available_from_us": pl.Int64,
    "available_until_us": pl.Int64,
    "tags": pl.String,
    "attributes": pl.String,
    "published_at_us": pl.Int64,
    "embedding": pl.Binary,
}


@dataclass(frozen=True)
class ShopData:
    """What training reads, and how far it read."""

    events: pl.DataFrame
    """event_type, shopper, item_id, ts, quantity, price, order_id, session_id; sorted by shopper, ts, arrival."""
    items: pl.DataFrame
    """item_id, group_id, title, description, category (list), brand, price, in_stock, recommendable, available_from,
    available_until, tags (list), attributes (JSON text), published_at, embedding (list of float32)."""
    last_seq: int
    """The newest event by order of arrival when reading began; one that came later may make a past stale."""


def read_shop(database: Database) -> ShopData:
    """Read everything. Raises TrainingError when there are no events or no items."""
    last_seq = settled_seq(database)
    if not last_seq:
        raise TrainingError(
            "the database has no events; run `endcap import complete-journey` or `endcap import events`"
        )
    items = _items(database)
    if items.is_empty():
        raise TrainingError("the catalogue is empty; run `endcap import items PATH`")
    return ShopData(_events(database), items, last_seq)


def _events(database: Database) -> pl.DataFrame:
    batches = read_events(database, None, None, tuple(_EVENT_TYPES))
    frames = _frames(batches, _EVENT_TYPES, events_of)
    return pl.concat(frames).sort("shopper", "ts", maintain_order=True)


def events_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return events as training reads them: both ids are one shopper key (`models.events.shopper_key`).

    frame: columns as the store keeps them, at least those of `ShopData.events`; searches, of no item, are left out.
    """
    shopper = pl.coalesce("u:" + pl.col("user_id"), "a:" + pl.col("anonymous_id"))
    return frame.filter(pl.col("item_id").is_not_null()).select(
        "event_type",
        shopper.alias("shopper"),
        "item_id",
        pl.from_epoch("ts_us", time_unit="us").dt.replace_time_zone("UTC").alias("ts"),
        "quantity",
        "price",
        "order_id",
        "session_id",
    )


def _items(database: Database) -> pl.DataFrame:
    frames = _frames(read_items(database, tuple(_ITEM_TYPES)), _ITEM_TYPES, items_of)
    return pl.concat(frames) if frames else pl.DataFrame()


def items_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return items as training reads them. frame: columns as the store keeps them, lists as JSON text."""

    def time(name: str) -> pl.Expr:
        return pl.from_epoch(f"{name}_us", time_unit="us").dt.replace_time_zone("UTC").alias(name)

    def words(name: str) -> pl.Expr:
        return pl.col(name).str.json_decode(pl.List(pl.String)).fill_null([])

    vectors = [None if value is None else np.frombuffer(value, dtype="<f4").tolist() for value in frame["embedding"]]
    return frame.with_columns(
        words("category"),
        words("tags"),
        time("available_from"),
        time("available_until"),
        time("published_at"),
        pl.Series("embedding", vectors, dtype=pl.List(pl.Float32)),
        pl.col("in_stock").fill_null(value=True),
        pl.col("recommendable").fill_null(value=True),
    ).drop("available_from_us", "available_until_us", "published_at_us")


def _frames(batches: Iterator[list[Any]], types: dict[str, Any], shape: Any) -> list[pl.DataFrame]:  # noqa: ANN401
    return [shape(pl.DataFrame(batch, schema=types, orient="row")) for batch in batches]
