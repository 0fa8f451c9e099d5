"""What comes next: how likely an item is at one of the moments after another.

s_ab = sum over moments of a, and moments of b of the same shopper at most `window` later, of 1 / gap, over
n_a + shrink; gap counts moments, n_a the moments with a. Sequential rules of Ludewig & Jannach, "Evaluation of
session-based recommendation algorithms", UMUAI 2018. Differs from them in that the lines of one order are one moment,
and by the shrinking: what followed a rare item once does not follow it always. Differs from `covisitation` in that
nothing counts backwards or within a moment, and that what is liked by many is not held against it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, diags

from models.arrays import NO_ROWS, NO_SCORES, Float32, Int32
from models.history import Events
from models.sources.base import Learned
from training.data import TrainingData
from training.fit.likes import liked_warm
from training.fit.moments import moments_of
from training.fit.tables import TableSettings, blocks_of, learned_table, neighbours_of


class Settings(TableSettings, extra="forbid", frozen=True):
    """The knobs of `comes_next`."""

    window: int = Field(default=8, gt=0)
    """Later moments that a moment leads to. Changes results, and the time to learn in proportion."""

    shrink: float = Field(default=20.0, ge=0)
    """Moments added to each item's count. Changes results: larger trusts rare items less."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows and weights, each (n_warm, neighbours). Raises LearnedNothingError if no item followed another."""
    events = liked_warm(data, "comes_next")
    blocks = _neighbours(events, data.n_warm, settings)
    return learned_table("comes_next", blocks, settings, "no shopper liked two different items one after the other")


def _neighbours(events: Events, n_rows: int, settings: Settings) -> Iterator[tuple[Int32, Float32]]:
    held = _Moments.of(events, n_rows)
    later = _later(held, settings.window)
    before = held.items.T.tocsr()
    counts = np.diff(before.indptr)
    scaled = csr_matrix(diags(1 / (counts + max(settings.shrink, 1e-9))) @ before, dtype=np.float32)
    for block in blocks_of((before @ np.diff(later.indptr)).astype(np.int64)):
        yield neighbours_of((scaled[block] @ later).tocoo(), block.start, settings.neighbours)


@dataclass(frozen=True)
class _Moments:
    """Who had what in hand, moment by moment; m moments by shopper and time."""

    items: csr_matrix
    """Shape (m, n_rows): 1 where the moment holds the item."""
    owners: Int32
    """Shape (m,)."""

    @classmethod
    def of(cls, events: Events, n_rows: int) -> "_Moments":
        moments = moments_of(events)
        first = np.flatnonzero(np.diff(moments, prepend=-1))
        items = csr_matrix((np.ones(len(events), np.float32), (moments, events.items)), shape=(len(first), n_rows))
        items.data[:] = 1
        return cls(items, events.owners[first])


def _later(held: _Moments, window: int) -> csr_matrix:
    """Return what each moment leads to, shape (m, n_rows): the items of the moments after it, 1 / gap each."""
    starts, columns, weights = [NO_ROWS], [NO_ROWS], [NO_SCORES]
    for gap in range(1, min(window, len(held.owners) - 1) + 1):
        leading = np.flatnonzero(held.owners[:-gap] == held.owners[gap:])
        led_to = held.items[leading + gap]
        starts.append(np.repeat(leading, np.diff(led_to.indptr)).astype(np.int32))
        columns.append(led_to.indices)
        weights.append(np.full(led_to.nnz, 1 / gap, dtype=np.float32))
    where = np.concatenate(starts), np.concatenate(columns)
    return csr_matrix((np.concatenate(weights), where), shape=held.items.shape)
