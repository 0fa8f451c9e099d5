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
    found = [
        (name, places, *snapshot.sources[name].because(context, recommendation.rows[places]))
        for name, places in _led(recommendation)
    ]
    amounts = np.zeros((len(told), max((len(items) for _, _, items, _ in found), default=0)), dtype=np.float32)
    for _, places, items, added in found:
        # Fuel and fees teach what goes with them, and are no reason that a shop would print.
        amounts[places, : len(items)] = np.where(snapshot.catalogue.recommendable[items], added.T, 0)
    carrying = _carrying(amounts)
    for name, places, items, _ in found:
        for place in places.tolist():
            told[place] = Reason(name, items[carrying[place]])
    return tuple(told)


def _led(recommendation: Recommendation) -> Iterator[tuple[str, Int64]]:
    """Give each source that adds most to a score, with the places of the list where it does."""
    shares = recommendation.shares
    if not shares.size:
        return
    leading = np.where(shares.max(axis=1) > 0, shares.argmax(axis=1), -1)
    for column in sorted(set(leading.tolist()) - {-1}):
        yield recommendation.sources[column], np.flatnonzero(leading == column)


def _carrying(amounts: Float32) -> list[Int64]:
    """Return for each of m recommended rows the places of the fewest items that carry the share, strongest first.

    amounts: shape (m, q), >= 0: what each of q items adds.
    """
    if amounts.shape[1] < 2:  # noqa: PLR2004 - there is nothing to choose
        return [np.flatnonzero(line) for line in amounts]
    strongest = places_by_size(amounts)
    carried = np.cumsum(np.sort(amounts, axis=1)[:, ::-1], axis=1)
    enough = (carried < _SHARE * carried[:, -1:]).sum(axis=1) + (carried[:, -1] > 0)
    return [places[:n] for places, n in zip(strongest, enough.tolist(), strict=True)]
