"""Why an item is in a list: the source that adds most to its score, and the shopper's items that carry that."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int32, Int64
from models.context import Context
from models.recommend import FILL_SOURCE, Recommendation
from models.snapshot import Snapshot
from models.sources.base import NO_ROWS
from models.topk import places_by_size

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
    told = [Reason(FILL_SOURCE, NO_ROWS)] * len(recommendation.rows)
    for name, places in _led(recommendation):
        items, amounts = snapshot.sources[name].because(context, recommendation.rows[places])
        # Fuel and fees teach what goes with them, and are no reason that a shop would print.
        shown = snapshot.catalogue.recommendable[items]
        for place, carrying in zip(places.tolist(), _carrying(items[shown], amounts[shown].T), strict=True):
            told[place] = Reason(name, carrying)
    return tuple(told)


def _led(recommendation: Recommendation) -> Iterator[tuple[str, Int64]]:
    """Give each source that adds most to a score, with the places of the list where it does."""
    shares = recommendation.shares
    if not shares.size:
        return
    leading = np.where(shares.max(axis=1) > 0, shares.argmax(axis=1), -1)
    for column in sorted(set(leading.tolist()) - {-1}):
        yield recommendation.sources[column], np.flatnonzero(leading == column)


def _carrying(items: Int32, amounts: Float32) -> list[Int32]:
    """Return for each of m recommended rows the fewest items that together carry the share, strongest first.

    items: shape (q,). amounts: shape (m, q), >= 0: what each adds.
    """
    if not len(items):
        return [items] * len(amounts)
    strongest = places_by_size(amounts)
    carried = np.cumsum(np.take_along_axis(amounts, strongest, axis=1), axis=1)
    total = carried[:, -1]
    enough = np.where(total > 0, np.count_nonzero(carried < _SHARE * total[:, None], axis=1) + 1, 0)
    return [items[places[:n]] for places, n in zip(strongest, enough.tolist(), strict=True)]
