"""Protocol `fixed-split`: two files, one to learn from and one to find: all that a shopper does not have is ranked.

Targets are the items of the second file that the shopper does not have in the first. Rankings learn from as large a
part of the first file as the second is of both: each shopper's newest items where the second file is newer than the
first for most shoppers, else items drawn by the seed; their sources know only the rest.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from models.errors import InputError
from models.history import Memory
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.asked import Asked, Histories, Question, Stage
from training.evaluate.frames import LayOut, can_be_right, liked, numbered, wider
from training.evaluate.judged import measured
from training.evaluate.metrics import Targets
from training.evaluate.table import Options, Table
from training.read import ShopData

NAME: Final = "fixed-split"
K: Final = 20
METRICS: Final = ("ndcg@20", "recall@20")
TASK: Final[Task] = "new_to_you"
_MOST = 0.5
"""Of the first file that is held back for rankings at most."""


def stages(
    shop: ShopData, test: ShopData, memory: Memory, lay_out: LayOut, until_us: int, seed: int
) -> tuple[Stage, Stage]:
    """Return what is learned from and what is measured; until_us: after all events of the shop.

    Raises InputError if there is nothing to find, or no shopper with two items to learn from.
    """
    have = liked(shop.events, memory)
    find = _unseen(liked(test.events, memory).filter(can_be_right(shop.items)), have)
    if find.is_empty():
        raise InputError("no shopper of --test has an item that can be recommended and is not among theirs in --train")
    held = _held_back(have.filter(can_be_right(shop.items)), find, seed)
    if held.is_empty():
        raise InputError("no shopper of --train has two items, so no ranking can be learned; give more events")
    rest = replace(shop, events=shop.events.join(held, on=["shopper", "item_id"], how="anti", maintain_order="left"))
    return _stage(rest, held, lay_out, until_us), _stage(shop, find, lay_out, until_us)


def fixed_split(snapshot: Snapshot, testing: Stage, placements: Mapping[Task, Placement], options: Options) -> Table:
    """Measure a snapshot that was fitted on `testing.past`."""
    return measured(NAME, snapshot, testing, replace(placements[TASK], n=K), METRICS, options)


def _unseen(find: pl.DataFrame, have: pl.DataFrame) -> pl.DataFrame:
    pairs = find.select("shopper", "item_id", "ts").unique(["shopper", "item_id"], maintain_order=True)
    return pairs.join(have, on=["shopper", "item_id"], how="anti", maintain_order="left")


def _held_back(have: pl.DataFrame, find: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the (shopper, item) pairs of the first file that rankings learn from; each shopper keeps one at least."""
    pairs = have.select("shopper", "item_id", "ts").unique(["shopper", "item_id"], keep="last", maintain_order=True)
    share = min(len(find) / (len(find) + len(pairs)), _MOST)
    last = have.group_by("shopper").agg(last=pl.col("ts").max())
    newer = find.join(last, on="shopper").group_by("shopper").agg(newer=(pl.col("ts") > pl.col("last")).all())
    drawn = pl.Series("drawn", np.random.default_rng(seed).random(len(pairs)))
    if newer["newer"].sum() * 2 > len(newer):
        drawn = -pairs["ts"].dt.timestamp("us").alias("drawn")
    n_held = pl.max_horizontal((pl.len() * share).floor(), 1).over("shopper")
    place = pl.col("drawn").rank("ordinal").over("shopper")
    held = pairs.with_columns(drawn).filter((pl.len().over("shopper") > 1) & (place <= n_held))
    return held.select("shopper", "item_id")


def _stage(shop: ShopData, targets: pl.DataFrame, lay_out: LayOut, until_us: int) -> Stage:
    past = lay_out(shop, until_us)
    targets = targets.sort("shopper", maintain_order=True)
    shoppers = tuple(targets["shopper"].unique().sort().to_list())
    number_of = {key: number for number, key in enumerate(past.shoppers)}
    vocabulary = wider(past, targets["item_id"])
    rows = vocabulary.rows(targets["item_id"].to_list())
    found = Asked(
        questions=[Question(number_of.get(key, -1), only_fresh=True) for key in shoppers],
        targets=Targets.of(numbered(targets["shopper"]), rows, np.zeros(len(rows)), len(shoppers)),
        shoppers=np.arange(len(shoppers)),
        histories=Histories.of_past(past),
        vocabulary=vocabulary,
        shopper_keys=shoppers,
    )
    return Stage(past, partial(_asked, found))


def _asked(found: Asked, placement: Placement, _snapshot: Snapshot) -> Asked | None:
    return found if placement.task == TASK else None
