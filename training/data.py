"""What a fit may look at: a shop's events before a moment, in bundle rows."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import polars as pl

from models.arrays import Int32
from models.errors import TrainingError
from models.events import CODE_OF
from models.history import Events, Memory, Summary, summarise
from models.vocabulary import Vocabulary

T = TypeVar("T")


MOST_WARM_ITEMS = 30_000
"""The collaborative sources cover no more items unless a recipe says so: what a laptop fits in minutes."""


@dataclass(frozen=True)
class TrainingData:
    """Events before `until_us` and the catalogue, laid out for arrays."""

    vocabulary: Vocabulary
    """Bundle rows: items with at least `min_shoppers` shoppers first (by category path, then id), then the others."""
    n_warm: int
    """Rows [0, n_warm) have enough shoppers for the collaborative sources."""
    shoppers: tuple[str, ...]
    """Shopper keys, by owner number."""
    events: Events
    """Of all shoppers, by owner and time; `items` are bundle rows."""
    sessions: Int32
    """Shape (n_events,): which session, as a number from 0; -1 if none."""
    summary: Summary
    """The events folded into one row per (owner, item), as of the end."""
    items: pl.DataFrame
    """The catalogue in row order, columns of design.md's items."""
    memory: Memory
    until_us: int
    """The first moment that nobody may look at."""
    seed: int
    timeless: bool = False
    """True if times only order the events of one shopper: what depends on how long ago something was learns nothing."""

    worked_out: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What several fits begin with, by name."""
    _working: dict[Hashable, Lock] = field(default_factory=dict, init=False, compare=False, repr=False)

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what `work` makes of this data, worked out once for all fits. key: names the work and its settings.

        Fits that run side by side wait for the one that came first.
        """
        with self._working.setdefault(key, Lock()):
            if key not in self.worked_out:
                self.worked_out[key] = work()
        found: T = self.worked_out[key]
        return found

    @property
    def as_of_us(self) -> int:
        """The last moment that counts."""
        return self.until_us - 1


def prepare(  # noqa: PLR0913 - what is laid out, and how, by name
    events: pl.DataFrame,
    items: pl.DataFrame,
    *,
    until_us: int,
    memory: Memory,
    min_shoppers: int,
    seed: int,
    timeless: bool = False,
    max_warm_items: int = MOST_WARM_ITEMS,
) -> TrainingData:
    """Lay events before `until_us` and the catalogue out in bundle rows.

    events, items: the frames that `read` returns. Events of items that the catalogue lacks teach nothing and are
    dropped (`endcap check` counts them). min_shoppers: what an item needs to be warm; where that makes more than
    max_warm_items warm, the bar rises until it does not. Raises TrainingError if no event is left.
    """
    past = events.filter(pl.col("ts").dt.timestamp("us") < until_us).join(
        items.select("item_id"), on="item_id", how="semi", maintain_order="left"
    )
    if past.is_empty():
        msg = "no event of a catalogue item lies before the cutoff; import events, or choose a later cutoff"
        raise TrainingError(msg)
    catalogue, n_warm = _in_row_order(past, items, memory, (min_shoppers, max_warm_items))
    shoppers = past["shopper"].unique().sort()
    columns = past.select(
        owners=pl.col("shopper").replace_strict(shoppers, np.arange(len(shoppers), dtype=np.int32)),
        items=pl.col("item_id").replace_strict(catalogue["item_id"], np.arange(len(catalogue), dtype=np.int32)),
        types=pl.col("event_type").replace_strict(CODE_OF, return_dtype=pl.UInt8),
        ts_us=pl.col("ts").dt.timestamp("us"),
        prices=pl.col("price").cast(pl.Float32).fill_null(float("nan")),
        orders=_numbered("order_id"),
        sessions=_numbered("session_id"),
    ).sort("owners", "ts_us", maintain_order=True)
    folded = Events(
        *(columns[name].to_numpy().copy() for name in ("owners", "items", "types", "ts_us", "prices", "orders"))
    )
    return TrainingData(
        vocabulary=Vocabulary(catalogue["item_id"].to_list()),
        n_warm=n_warm,
        shoppers=tuple(shoppers.to_list()),
        events=folded,
        sessions=columns["sessions"].to_numpy().copy(),
        summary=summarise(folded, until_us - 1, memory),
        items=catalogue,
        memory=memory,
        until_us=until_us,
        seed=seed,
        timeless=timeless,
    )


def _in_row_order(
    past: pl.DataFrame, items: pl.DataFrame, memory: Memory, warm: tuple[int, int]
) -> tuple[pl.DataFrame, int]:
    """Return the catalogue in row order and how many rows are warm: rows of one category lie side by side.

    warm: the shoppers that a warm item needs at least, and how many items may be warm at most.
    """
    liked = [name for name, code in CODE_OF.items() if memory.weights[code] > 0]
    shoppers = past.filter(pl.col("event_type").is_in(liked)).group_by("item_id").agg(pl.col("shopper").n_unique())
    ordered = (
        items.join(shoppers, on="item_id", how="left")
        .with_columns(
            _warm=pl.col("shopper").fill_null(0) >= _bar(shoppers["shopper"], *warm),
            _path=pl.col("category").list.join(" > ").fill_null(""),
        )
        .sort(["_warm", "_path", "item_id"], descending=[True, False, False])
    )
    return ordered.drop("shopper", "_warm", "_path"), int(ordered["_warm"].sum())


def _bar(shoppers: pl.Series, at_least: int, max_items: int) -> int:
    """Return how many shoppers make an item warm: the least bar that at most so many items pass."""
    falling = shoppers.sort(descending=True)
    return at_least if len(falling) <= max_items else max(at_least, int(falling[max_items]) + 1)


def _numbered(column: str) -> pl.Expr:
    """Give the distinct values of each shopper numbers; none is -1.

    One value of two shoppers is two: a session id is often no more than the second at which it began.
    """
    number = pl.struct("shopper", column).rank("dense").cast(pl.Int32) - 1
    return pl.when(pl.col(column).is_null()).then(-1).otherwise(number).cast(pl.Int32)
