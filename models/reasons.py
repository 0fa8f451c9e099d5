"""Why an item is in a list: the source that adds most to its score, and the shopper's items that carry that."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Int32
from models.context import Context
from models.recommend import FILL_SOURCE, Recommendation
from models.snapshot import Snapshot

_SHARE = 0.5
"""A reason names as many of the shopper's items as carry this share of the source's score."""


@dataclass(frozen=True)
class Reason:
    """One recommended item's reason."""

    source: str
    because_of: Int32
    """Item rows of the shopper (or anchors), the strongest first; empty for sources that ask nothing of a shopper."""


def reasons(context: Context, snapshot: Snapshot, recommendation: Recommendation) -> tuple[Reason, ...]:
    """Return one reason per recommended row, in order."""
    told = []
    for row, shares in zip(recommendation.rows.tolist(), recommendation.shares, strict=True):
        if not len(shares) or shares.max() <= 0:
            told.append(Reason(FILL_SOURCE, np.zeros(0, dtype=np.int32)))
            continue
        source = recommendation.sources[int(shares.argmax())]
        rows, amounts = snapshot.sources[source].because(context, row)
        # Fuel and fees teach what goes with them, and are no reason that a shop would print.
        shown = snapshot.catalogue.recommendable[rows]
        told.append(Reason(source, _carrying(rows[shown], amounts[shown])))
    return tuple(told)


def _carrying(rows: Int32, amounts: np.ndarray) -> Int32:
    """Return the fewest rows that together carry the share of the sum, strongest first."""
    strongest = np.argsort(-amounts, kind="stable")
    carried = np.cumsum(amounts[strongest])
    if not len(carried):
        return rows
    enough = int(np.searchsorted(carried, _SHARE * carried[-1])) + 1
    return rows[strongest[:enough]]
