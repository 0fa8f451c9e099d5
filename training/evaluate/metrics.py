"""How good ranked lists are, one figure a list, for many lists at once.

Everything is float64. A list is a row of item numbers, best first, filled up with -1; a number stands in a list once.
Jarvelin & Kekalainen, TOIS 2002, for ndcg with gains of 0 and 1; Voorhees, TREC-8 1999, for mrr.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Float64, Int32, Int64, Mask


@dataclass(frozen=True)
class Targets:
    """What each list should have held: u sets of item numbers, side by side."""

    offsets: Int64
    """Shape (u + 1,): set i is [offsets[i], offsets[i + 1])."""
    rows: Int32
    """Shape (t,): item numbers >= 0, ascending and distinct within a set."""
    values: Float64
    """Shape (t,): what each target was worth, in money."""

    @classmethod
    def of(cls, owners: Int64, rows: Int32, values: Float64, n_owners: int) -> "Targets":
        """Gather (owner, row, value) lines in any order; the values of one owner's row add up."""
        width = int(rows.max(initial=0)) + 1
        keys, place = np.unique(owners.astype(np.int64) * width + rows, return_inverse=True)
        offsets = np.searchsorted(keys, np.arange(n_owners + 1, dtype=np.int64) * width)
        totals = np.bincount(place, weights=values, minlength=len(keys)).astype(np.float64)
        return cls(offsets, (keys % width).astype(np.int32), totals)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, numbers: Int64) -> "Targets":
        """Return the sets of these numbers, in their order."""
        sizes = self.sizes[numbers]
        offsets = np.append(0, np.cumsum(sizes))
        places = np.repeat(self.offsets[numbers] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Targets(offsets, self.rows[places], self.values[places])

    @property
    def sizes(self) -> Int64:
        """Number of targets of each set, shape (u,)."""
        return np.diff(self.offsets)

    def of_set(self, number: int) -> Int32:
        """Return the targets of one set, ascending."""
        return self.rows[self.offsets[number] : self.offsets[number + 1]]

    def values_of_set(self, number: int) -> Float64:
        """Return what the targets of one set were worth, in their order."""
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def where(self, keep: Mask) -> "tuple[Int64, Targets]":
        """Return which sets keep something, shape (v,), and what those keep. keep: shape (t,)."""
        numbers = np.repeat(np.arange(len(self)), self.sizes)[keep]
        sets, sizes = np.unique(numbers, return_counts=True)
        return sets, Targets(np.concatenate([[0], np.cumsum(sizes)]), self.rows[keep], self.values[keep])

    def found_in(self, lists: Int32) -> Int64:
        """Return for each place of each list, shape (u, k), which target stands there; -1 where none does."""
        width = int(max(self.rows.max(initial=0), lists.max(initial=0))) + 2
        # -1 becomes 0, a number that no target has.
        keys = np.repeat(np.arange(len(self)), self.sizes) * width + self.rows + 1
        asked = np.arange(len(self))[:, None] * width + lists + 1
        place = np.searchsorted(keys, asked)
        inside = np.minimum(place, max(len(keys) - 1, 0))
        return np.where((place < len(keys)) & (keys[inside] == asked), inside, -1) if len(keys) else place - 1


@dataclass(frozen=True)
class Judged:
    """Lists held against their targets: all that a metric needs."""

    hits: Mask
    """Shape (u, k)."""
    worth: Float64
    """Shape (u, k): the value of the target at that place; 0 where there is none."""
    sizes: Int64
    """Shape (u,): the number of targets, > 0."""


def judge(lists: Int32, targets: Targets) -> Judged:
    """Hold lists, shape (u, k), against u sets of targets. Raises ValueError if a list has nothing to find."""
    if not targets.sizes.all():
        raise ValueError("a list without targets has no recall; leave it out")
    found = targets.found_in(lists)
    hits = found >= 0
    worth = np.where(hits, targets.values[np.where(hits, found, 0)], 0.0)
    return Judged(hits, worth, targets.sizes)


def recall(judged: Judged, k: int) -> Float64:
    """Return the share of the targets that stand in the first k, shape (u,)."""
    share: Float64 = judged.hits[:, :k].sum(axis=1) / judged.sizes
    return share


def ndcg(judged: Judged, k: int) -> Float64:
    """Return sum of 1 / log2(place + 1) over the hits in the first k, over that of the best list, shape (u,).

    The best list has min(k, targets) hits at its top: nobody can do better than 1, and 1 can always be reached.
    """
    discounts = 1.0 / np.log2(np.arange(k) + 2.0)
    hits = judged.hits[:, :k]
    ideal = np.cumsum(discounts)[np.minimum(judged.sizes, k) - 1]
    gained: Float64 = hits @ discounts[: hits.shape[1]] / ideal
    return gained


def mrr(judged: Judged, k: int) -> Float64:
    """Return 1 / place of the first hit in the first k, 0 without one, shape (u,)."""
    hits = judged.hits[:, :k]
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1.0), 0.0)


def revenue(judged: Judged, k: int) -> Float64:
    """Return what the shopper paid for the hits in the first k, shape (u,)."""
    paid: Float64 = judged.worth[:, :k].sum(axis=1)
    return paid


METRICS: Final[dict[str, Callable[[Judged, int], Float64]]] = {
    "recall": recall,
    "ndcg": ndcg,
    "revenue": revenue,
    "mrr": mrr,
}


def measure(judged: Judged, metrics: tuple[str, ...]) -> Float64:
    """Return one column per metric, shape (u, m); a metric is written as in a table: `ndcg@20`."""
    columns = []
    for written in metrics:
        name, _, k = written.partition("@")
        columns.append(METRICS[name](judged, int(k)))
    return np.stack(columns, axis=1)
