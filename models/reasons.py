"""Why an item is in a list: the source that adds most to its score, and the shopper's items that carry that."""

from typing import NamedTuple

import numpy as np

from models.arrays import Int32
from models.context import Context
from models.placement import source_of
from models.recommend import FILL_SOURCE, Recommendation
from models.snapshot import Snapshot
from models.topk import places_by_size
from models.views import seen

_SHARE = 0.5
"""A reason names as many of the shopper's items as carry this share of the source's score."""


class Reason(NamedTuple):
    """One recommended item's reason."""

    source: str
    because_of: tuple[int, ...]
    """Item rows of the shopper (or anchors), the strongest first; empty for sources that ask nothing of a shopper."""


def reasons(context: Context, snapshot: Snapshot, recommendation: Recommendation) -> tuple[Reason, ...]:
    """Return one reason per recommended row, in order; a shopper's next list finds those of the one before."""
    if recommendation.anchored is not None:
        anchors = tuple(context.anchors.tolist())
        return tuple(
            Reason(source_of(column), anchors if is_anchored else ())
            for column, is_anchored in zip(_leading(recommendation), recommendation.anchored.tolist(), strict=True)
        )
    found: dict[tuple[str, int], Reason] = {}
    if not len(context.anchors):
        found = context.once(("reasons", snapshot.version), dict)
    rows = recommendation.rows
    wanted = list(zip(_leading(recommendation), rows.tolist(), strict=True))
    for column in {column for column, row in wanted if (column, row) not in found}:
        places = [place for place, one in enumerate(wanted) if one[0] == column and one not in found]
        carrying = _carrying(context, snapshot, column, rows[places])
        found.update(
            (wanted[place], Reason(source_of(column), items)) for place, items in zip(places, carrying, strict=True)
        )
    return tuple([found[one] for one in wanted])


def _leading(recommendation: Recommendation) -> list[str]:
    """Name for each row the column that adds most to its score, or what fills up."""
    shares = recommendation.shares
    if not shares.size:
        return [FILL_SOURCE] * len(recommendation.rows)
    columns = np.where(shares.max(axis=1) > 0, shares.argmax(axis=1), len(recommendation.sources))
    names = (*recommendation.sources, FILL_SOURCE)
    return [names[column] for column in columns.tolist()]


def _carrying(context: Context, snapshot: Snapshot, column: str, rows: Int32) -> list[tuple[int, ...]]:
    """Return for each of m rows the fewest items that carry the share of one column's score, strongest first."""
    if source_of(column) not in snapshot.sources:
        return [()] * len(rows)
    items, added = snapshot.sources[source_of(column)].because(seen(context, column), rows)
    # Fuel and fees teach what goes with them, and are no reason that a shop would print.
    amounts = np.where(snapshot.catalogue.recommendable[items], added.T, 0)
    if len(items) < 2:  # noqa: PLR2004 - there is nothing to choose
        return [tuple(items.tolist()) if line.any() else () for line in amounts]
    strongest = places_by_size(amounts)
    carried = np.cumsum(np.take_along_axis(amounts, strongest, axis=1), axis=1)
    enough = (carried < _SHARE * carried[:, -1:]).sum(axis=1) + (carried[:, -1] > 0)
    return [tuple(items[places[:n]].tolist()) for places, n in zip(strongest, enough.tolist(), strict=True)]
