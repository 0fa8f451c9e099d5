"""Protocol `basket`: hide one item of an order and ask for it, given the rest as the cart.

Every order of the horizon with two distinct recommendable items or more is asked about once; which item is hidden is
drawn by the seed. The history is the shopper's as of the cutoff, not of the order: what the shopper viewed or put into
the cart on the way to this very order would give the hidden item away. Lists come from `recommend`, 10 long, without
display rules.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Final

import numpy as np

from models.arrays import DAY_US, Int64
from models.errors import InputError
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.asked import Asked, Histories, Question
from training.evaluate.held_out import HeldOut, Split
from training.evaluate.judged import judgement_of
from training.evaluate.lists import Asking
from training.evaluate.metrics import Targets
from training.evaluate.table import Options, Table, rows_of

K = 10
METRICS: Final = ("mrr@10", "recall@10")
TASK: Final = "basket"
_SMALLEST = 2


def basket(snapshot: Snapshot, split: Split, placements: Mapping[Task, Placement], options: Options) -> Table:
    """Measure a snapshot that was fitted on `split.past`.

    placements: the served ones, by task. Raises InputError if there is no order with two items in the horizon.
    """
    started = perf_counter()
    held_out = split.held_out
    found = asked(split, snapshot, options.seed)
    placement = replace(placements["complement"], n=K)
    asking = Asking(snapshot, split.past, placement, found.histories, options.models)
    judgement = judgement_of(TASK, asking, found, options)
    rows, pairs = rows_of(judgement, METRICS, options.seed)
    horizon_days = (held_out.until_us - held_out.cutoff_us) / DAY_US
    seconds = perf_counter() - started
    return Table("basket", tuple(rows), tuple(pairs), held_out.cutoff_us, horizon_days, seconds, (judgement,))


def asked(split: Split, snapshot: Snapshot, seed: int) -> Asked:
    """Return a question per order: its cart, and the hidden item. Raises InputError if no order has two items."""
    held_out = split.held_out
    lines, starts = _orders(held_out)
    sizes = np.diff(np.r_[starts, len(lines)])
    hidden = starts + np.random.default_rng(seed).integers(0, sizes)
    shoppers = held_out.owners[lines[hidden]].astype(np.int64)
    owners = split.owners_before(shoppers)
    questions = [
        Question(owner, _cart(held_out, snapshot, lines[start : start + size], lines[place]))
        for owner, start, size, place in zip(owners.tolist(), starts, sizes, hidden, strict=True)
    ]
    numbers = np.arange(len(hidden))
    targets = Targets.of(numbers, held_out.rows[lines[hidden]], held_out.amounts[lines[hidden]], len(hidden))
    return Asked(questions, targets, shoppers, Histories.of_past(split.past), held_out.vocabulary, held_out.shoppers)


def require_orders(held_out: HeldOut) -> None:
    """Raise InputError if no order has two items: cheaper to know before a fit."""
    _orders(held_out)


def _orders(held_out: HeldOut) -> tuple[Int64, Int64]:
    """Return positions of held-out purchases, by order and each item once, and where in them each order starts.

    Orders of one item are left out. An order number that two shoppers share is one order of each.
    """
    in_order = np.flatnonzero(held_out.orders >= 0)
    owners, orders = held_out.owners[in_order].astype(np.int64), held_out.orders[in_order]
    keys = np.stack([owners * (int(orders.max(initial=0)) + 1) + orders, held_out.rows[in_order]], axis=1)
    distinct, first = np.unique(keys, axis=0, return_index=True)
    _, order, sizes = np.unique(distinct[:, 0], return_inverse=True, return_counts=True)
    kept = sizes[order] >= _SMALLEST
    if not kept.any():
        raise InputError(
            "no order after the cutoff has two items that can be recommended; "
            "import purchases with their order_id, choose an earlier --cutoff, or use --protocol temporal"
        )
    return in_order[first[kept]], np.flatnonzero(np.diff(order[kept], prepend=-1))


def _cart(held_out: HeldOut, snapshot: Snapshot, lines: Int64, hidden: int) -> tuple[str, ...]:
    """Return the ids of an order's other items that the snapshot knows."""
    ids = (held_out.vocabulary.ids[row] for row in held_out.rows[lines[lines != hidden]].tolist())
    return tuple(item_id for item_id in ids if item_id in snapshot.vocabulary)
