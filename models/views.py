"""What a source is asked under: all that is known, or one view of the shopper, so that memory can be long or short.

A placement names a column `source@view`: `covisitation@recent` is what the shopper's newest items lead to, beside
`covisitation`, which hears of all of them. A view is of the shopper: it leaves out what the page is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from models.arrays import NO_ROWS, Float32
from models.context import Context, Interactions
from models.history import Summary
from models.placement import view_of

_STEPS = 8
"""Steps back that `recent` looks; what is farther back would weigh less than a hundredth."""
_PER_STEP = np.float32(0.25)
"""Sources take the square root of a weight: a step back counts half."""


def seen(context: Context, column: str) -> Context:
    """Return the context as a column's source is to see it."""
    view = view_of(column)
    if not view:
        return context
    shopper = context.once(("view", view), lambda: Interactions(VIEWS[view](context.interactions)))
    return replace(context, shopper=shopper, anchors=NO_ROWS)


def _recent(rows: Summary) -> Summary:
    """Weigh by steps: the items of the newest moment 1, those of the moment before a half, and so on."""
    steps = steps_back(rows)
    near = rows.take(slice(int(np.searchsorted(steps, _STEPS))))
    weights = np.where(near.decayed > 0, _PER_STEP ** steps[: len(near)], np.float32(0))
    return replace(near, decayed=weights)


def _last(rows: Summary) -> Summary:
    """Keep the items of the newest moment, of equal weight."""
    newest = rows.take(slice(int(np.searchsorted(steps_back(rows), 1))))
    return replace(newest, decayed=np.where(newest.decayed > 0, np.float32(1), np.float32(0)))


def _all(rows: Summary) -> Summary:
    return rows


def steps_back(rows: Summary) -> Float32:
    """Return how many moments each item's newest event lies before the newest of all, shape (m,).

    rows: newest first, as a context has them.
    """
    is_earlier = np.diff(rows.last_us, prepend=rows.last_us[:1]) != 0
    return np.cumsum(is_earlier, dtype=np.float32)


VIEWS: Final[Mapping[str, Callable[[Summary], Summary]]] = {"recent": _recent, "last": _last, "shopper": _all}
"""View -> what it makes of the shopper's items."""
