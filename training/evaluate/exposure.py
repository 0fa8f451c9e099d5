"""What lists show: how much of the shop, and whether it is what everybody knows anyway."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.arrays import Int32, Int64, Mask


@dataclass(frozen=True)
class Demand:
    """What could be shown, and how much shoppers asked for it before the cutoff."""

    n_shoppers_of: Int64
    """Shape (n,): distinct shoppers of each row."""
    n_shoppers: int
    """Of the whole shop."""
    can_show: Mask
    """Shape (n,): rows that a list may hold."""

    def over(self, n_rows: int) -> "Demand":
        """Return the same over at least n_rows rows: what is added could not be shown, and nobody knew it."""
        added = (0, max(0, n_rows - len(self.can_show)))
        return Demand(np.pad(self.n_shoppers_of, added), self.n_shoppers, np.pad(self.can_show, added))

    def exposure(self, lists: Int32) -> dict[str, float]:
        """Return what lists, shape (q, k), show.

        coverage: the share of what could be shown that is, at least once. novelty: the mean of -log2 of the share of
        shoppers who know the item (Vargas & Castells, RecSys 2011), with one shopper added so that it is finite. head,
        torso, tail: the shares of places that go to the first, second and last third of the demand.
        """
        shown = lists[lists >= 0]
        if not len(shown):
            return dict.fromkeys(("coverage", "novelty", "head", "torso", "tail"), 0.0)
        known_to = (self.n_shoppers_of[shown] + 1) / (self.n_shoppers + 1)
        head, torso, tail = (np.bincount(self._third[shown], minlength=3) / len(shown)).tolist()
        return {
            "coverage": len(np.unique(shown)) / max(1, int(self.can_show.sum())),
            "novelty": float(-np.log2(known_to).mean()),
            "head": head,
            "torso": torso,
            "tail": tail,
        }

    @cached_property
    def _third(self) -> Int64:
        """Shape (n,): 0, 1 or 2. The most popular items that make a third of the demand come first, and so on."""
        order = np.argsort(-self.n_shoppers_of, kind="stable")
        demand = self.n_shoppers_of[order]
        third = np.empty(len(order), dtype=np.int64)
        third[order] = np.minimum((np.cumsum(demand) - demand) * 3 // max(1, int(demand.sum())), 2)
        return third
