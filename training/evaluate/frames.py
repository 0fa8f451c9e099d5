"""What the protocols that do not cut by time alone need of event frames."""

from typing import Protocol

import numpy as np
import polars as pl

from models.arrays import Int32, Int64
from models.events import CODE_OF
from models.history import Events, Memory, cancelled
from models.vocabulary import Vocabulary
from training.data import TrainingData
from training.read import ShopData


class LayOut(Protocol):
    """Lays a shop's events before a moment out for fits, as a recipe says."""

    def __call__(self, shop: ShopData, until_us: int, *, timeless: bool = False) -> TrainingData: ...


def moment_us(moment: object) -> int:
    """Return a time of a frame in microseconds since the epoch."""
    return int(pl.Series([moment]).dt.timestamp("us").item())


def numbered(values: pl.Series) -> Int64:
    """Return equal numbers for equal values, from 0, shape (n,)."""
    return values.rank("dense").cast(pl.Int64).to_numpy() - 1


def liked(events: pl.DataFrame, memory: Memory) -> pl.DataFrame:
    """Return the events, by shopper and time, that are a sign of liking and that nothing took back."""
    columns = events_of(events, numbered(events["shopper"]).astype(np.int32), numbered(events["item_id"]))
    weights = np.array(memory.weights)[columns.types]
    return events.filter(pl.Series((weights > 0) & ~cancelled(columns)))


def events_of(events: pl.DataFrame, owners: Int32 | Int64, items: Int32 | Int64) -> Events:
    """Return a frame as columns. owners, items: shape (n,), what stands for shopper and item."""
    return Events(
        owners=owners.astype(np.int32),
        items=items.astype(np.int32),
        types=events["event_type"].replace_strict(CODE_OF, return_dtype=pl.UInt8).to_numpy(),
        ts_us=events["ts"].dt.timestamp("us").to_numpy(),
        prices=events["price"].cast(pl.Float32).fill_null(float("nan")).to_numpy(),
        orders=(events["order_id"].rank("dense").cast(pl.Int32).fill_null(0) - 1).to_numpy(),
    )


def can_be_right(items: pl.DataFrame) -> pl.Expr:
    """Whether an event is about an item that may be recommended; one that the catalogue lacks is a miss, and counts."""
    return ~pl.col("item_id").is_in(items.filter(~pl.col("recommendable"))["item_id"].implode())


def wider(past: TrainingData, item_ids: pl.Series) -> Vocabulary:
    """Return the past's rows, followed by the items that it does not know."""
    return past.vocabulary.extended(item_ids.unique(maintain_order=True))
