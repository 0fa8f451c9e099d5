"""Covisitation: what shoppers come to soon after an item.

s_ab = sum over steps from a to b of 1 / gap, and of reverse / gap over steps from b to a, over
sqrt((n_a + shrink) * (n_b + shrink)).
A step leads to each of the next `window` events of the same shopper; its gap counts the moments between, so that the
lines of one order, which have no order among them, are one moment: gap 1, both ways in full. n counts events.
Davidson et al., "The YouTube video recommendation system", RecSys 2010, section 3.1, relates items by co-counts over a
normaliser; differs from it in direction, gap and shrinking: what met once is not nearer than what met a hundred times.
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field
from scipy.sparse import coo_matrix, csr_matrix

from models.arrays import Float32, Int32, Int64
from models.history import Events
from models.sources.base import Learned
from training.data import TrainingData
from training.fit.likes import liked_warm
from training.fit.moments import moments_of
from training.fit.tables import TableSettings, blocks_of, learned_table, neighbours_of


class Settings(TableSettings, extra="forbid", frozen=True):
    """The knobs of `covisitation`."""

    window: int = Field(default=20, gt=0)
    """Later events that an event is paired with. Changes results, and the time to learn in proportion."""

    reverse: float = Field(default=0.5, ge=0, le=1)
    """What a step back is worth. Changes results: 0 asks strictly what comes after, 1 forgets direction."""

    # On validation, 0 -> 50: recall@10 on Amazon Beauty .090 -> .102, mrr@20 of RetailRocket's moves .098 -> .106,
    # recall@100 of Complete Journey's baskets .216 -> .240 (2026-11).
    shrink: float = Field(default=50.0, ge=0)
    """Events added to each item's count. Changes results: larger prefers what is liked by many."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows and weights, each (n_warm, neighbours). Raises LearnedNothingError if no shopper took a step."""
    events = liked_warm(data, "covisitation")
    blocks = _neighbours(events, data.n_warm, settings)
    return learned_table("covisitation", blocks, settings, "no shopper liked two different items")


def _neighbours(events: Events, n_rows: int, settings: Settings) -> Iterator[tuple[Int32, Float32]]:
    counts = np.bincount(events.items, minlength=n_rows)
    scale = (1 / np.sqrt(np.maximum(counts + settings.shrink, 1))).astype(np.float32)
    by_item, ends = np.argsort(events.items, kind="stable"), np.cumsum(counts)
    moments = moments_of(events)
    for block in blocks_of(counts * 2 * settings.window):
        # In order of time again: neighbours in time are neighbours in memory.
        from_events = np.sort(by_item[ends[block.start] - counts[block.start] : ends[block.stop - 1]])
        sources, targets, weights = _steps(from_events, events, moments, settings)
        weights *= scale[sources] * scale[targets]
        shape = (block.stop - block.start, n_rows)
        yield neighbours_of(_summed(weights, sources - block.start, targets, shape), block.start, settings.neighbours)


def _summed(weights: Float32, rows: Int32, columns: Int32, shape: tuple[int, int]) -> csr_matrix:
    """Add up the weights of each pair. From columns to rows sorts by counting; SciPy's own way sorts every row."""
    pairs = coo_matrix((weights, (rows, columns)), shape=shape)
    pairs.has_canonical_format = True  # it has not, and is summed below
    summed = pairs.tocsc().tocsr()
    summed.sum_duplicates()
    return csr_matrix(summed)


def _steps(from_events: Int64, events: Events, moments: Int32, settings: Settings) -> tuple[Int32, Int32, Float32]:
    """Return the steps from some events, given by rising position: from which item, to which, and its weight."""
    steps = []
    for offset in (*range(-settings.window, 0), *range(1, settings.window + 1)):
        inside = slice(*np.searchsorted(from_events, (max(-offset, 0), len(events) - max(offset, 0))))
        here = from_events[inside]
        there = here + offset
        paired = (events.owners[here] == events.owners[there]) & (events.items[here] != events.items[there])
        here, there = here[paired], there[paired]
        gaps = np.abs(moments[there] - moments[here])
        worth = np.where(gaps == 0, 1.0, 1.0 if offset > 0 else settings.reverse)
        steps.append((events.items[here], events.items[there], (worth / np.maximum(gaps, 1)).astype(np.float32)))
    sources, targets, weights = (np.concatenate(column) for column in zip(*steps, strict=True))
    return sources, targets, weights
