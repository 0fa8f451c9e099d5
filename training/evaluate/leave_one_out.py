"""Protocol `leave-one-out`: of each shopper's items in order, the last is to be found; all others are known.

The last item is the test, the one before it the validation (for tuning and early stopping), the third last is what
rankings learn from, with sources that were fitted before it. The sources that are measured were fitted on everything up
to the third last; who asks has a history of everything before the test item. All items are ranked but those that the
shopper has. An item counts once per shopper, where it first came: a repeat could never be right.

Time only orders the events of one shopper: before anything is learned every moment of a shopper is moved to one day
after the one before it, the newest of all shoppers to the same moment. Windows, trends, ages and availability are off.

`labels="validation"` and `refit` are other protocols, and the table says so: rankings learn from the validation item;
sources are fitted on it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, get_args

import numpy as np
import polars as pl

from models.arrays import DAY_US
from models.errors import InputError
from models.history import Memory
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.asked import Asked, Histories, Question, Stage
from training.evaluate.frames import LayOut, can_be_right, events_of, liked, numbered, wider
from training.evaluate.judged import measured
from training.evaluate.metrics import Targets
from training.evaluate.table import Options, Table
from training.read import ShopData

NAME: Final = "leave-one-out"
K: Final = 20
METRICS: Final = ("ndcg@10", "recall@10", "ndcg@5", "recall@5", "ndcg@20", "recall@20")
TASK: Final[Task] = "new_to_you"
"""What is asked: items that the shopper does not have."""

Labels = Literal["third-last", "validation"]
LABELS: Final[tuple[Labels, ...]] = get_args(Labels)
_TEST, _VALIDATION, _THIRD_LAST = 0, 1, 2
_END_US: Final = 946_684_800_000_000
"""When every shopper's last event was: any moment serves."""


@dataclass(frozen=True)
class Setting:
    """Which of the protocols it is."""

    labels: Labels = "third-last"
    refit: bool = False

    @property
    def name(self) -> str:
        """How the protocol is told: what differs from the usual one is part of its name."""
        differs = [f"ranker labels: {self.labels}"] if self.labels != LABELS[0] else []
        differs += ["sources see the validation item"] if self.refit else []
        return f"{NAME} ({', '.join(differs)})" if differs else NAME


def stages(shop: ShopData, memory: Memory, lay_out: LayOut, setting: Setting) -> tuple[Stage, Stage]:
    """Return what is learned from and what is measured. Raises InputError if no shopper has enough items."""
    sequences = _sequences(shop.events.filter(can_be_right(shop.items)), memory)
    timeless = replace(shop, events=sequences, items=_without_time(shop.items))
    learned_from = _VALIDATION if setting.labels == "validation" else _THIRD_LAST
    learning = _stage(timeless, lay_out, fitted_before=learned_from, target=learned_from)
    fitted_before = _TEST if setting.refit else _VALIDATION
    return learning, _stage(timeless, lay_out, fitted_before=fitted_before, target=_TEST)


def leave_one_out(
    snapshot: Snapshot, testing: Stage, placements: Mapping[Task, Placement], options: Options, setting: Setting
) -> Table:
    """Measure a snapshot that was fitted on `testing.past`."""
    table = measured(NAME, snapshot, testing, replace(placements[TASK], n=K), METRICS, options)
    return replace(table, protocol=setting.name)


def _sequences(events: pl.DataFrame, memory: Memory) -> pl.DataFrame:
    """Return each shopper's items in order, each once, with `back`: how many come after."""
    once = liked(events, memory).filter(pl.struct("shopper", "item_id").is_first_distinct())
    return once.with_columns(back=pl.int_range(pl.len(), dtype=pl.Int64).reverse().over("shopper"))


def _without_time(items: pl.DataFrame) -> pl.DataFrame:
    never = [pl.lit(None, items.schema[name]).alias(name) for name in ("available_from", "available_until")]
    unpublished = pl.lit(None, items.schema["published_at"]).alias("published_at")
    return items.with_columns(*never, unpublished, in_stock=pl.lit(value=True))


def _stage(shop: ShopData, lay_out: LayOut, *, fitted_before: int, target: int) -> Stage:
    """Return the stage whose sources see what lies before one place, and whose questions ask for what lies at another.

    Places are counted from the end, the last is 0. Raises InputError if nobody has anything before.
    """
    before = shop.events.filter(pl.col("back") > fitted_before)
    known = shop.events.filter(pl.col("back") > target)
    asked = shop.events.filter(pl.col("back") == target, pl.col("shopper").is_in(known["shopper"].unique().implode()))
    if before.is_empty() or asked.is_empty():
        raise InputError(
            f"no shopper has the {fitted_before + 2} different items that {NAME} needs; "
            "import more events, or choose another --protocol"
        )
    past = lay_out(replace(shop, events=_in_steps(before)), _END_US + 1, timeless=True)
    rows = past.vocabulary.rows(known["item_id"].to_list())
    # Who asks has something before: both are by shopper, and the numbers are the same.
    events = events_of(_in_steps(known), numbered(known["shopper"]), rows)
    vocabulary = wider(past, asked["item_id"])
    targets = vocabulary.rows(asked["item_id"].to_list())
    n = len(asked)
    found = Asked(
        questions=[Question(number, only_fresh=True) for number in range(n)],
        targets=Targets.of(np.arange(n), targets, np.zeros(n), n),
        shoppers=np.arange(n),
        histories=Histories.of(events.where(rows >= 0), past, n),
        vocabulary=vocabulary,
        shopper_keys=tuple(asked["shopper"].to_list()),
    )
    return Stage(past, partial(_asked, found))


def _in_steps(events: pl.DataFrame) -> pl.DataFrame:
    """Move each shopper's moments to a day after each other, the last to the common end."""
    moment = pl.col("ts").rank("dense").over("shopper").cast(pl.Int64)
    back = pl.col("moment").max().over("shopper") - pl.col("moment")
    stepped = events.with_columns(moment=moment).with_columns(
        ts=pl.from_epoch(_END_US - back * DAY_US, time_unit="us").dt.replace_time_zone("UTC")
    )
    return stepped.drop("moment", "back")


def _asked(found: Asked, placement: Placement, _snapshot: Snapshot) -> Asked | None:
    return found if placement.task == TASK else None
