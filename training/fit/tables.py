"""From a sparse matrix of similarities to a table of neighbours."""

from collections.abc import Iterable, Iterator

import numpy as np
from pydantic import BaseModel, Field
from scipy.sparse import coo_matrix, csr_matrix

from models.arrays import Float32, Int32, Int64
from models.errors import LearnedNothingError
from models.sources.base import Learned

_PAIRS_AT_ONCE = 3_000_000
"""Bounds the memory of a fit: a block of rows holds about so many pairs, 12 bytes each and as much again to sort."""


class TableSettings(BaseModel, extra="forbid", frozen=True):
    """The knobs that all sources with a table of neighbours share."""

    neighbours: int = Field(default=100, gt=0, le=10_000)
    """Neighbours kept per item. Changes results and speed: more reach further, 8 bytes each per item."""

    query_items: int = Field(default=32, gt=0)
    """Items of a history that are asked about, the heaviest. Changes results and speed: each adds `neighbours` sums."""


def neighbours_of(similarities: coo_matrix | csr_matrix, first_row: int, k: int) -> tuple[Int32, Float32]:
    """Return the k most similar columns of each row, and their similarities, each shape (n_rows, k), best first.

    similarities: shape (n_rows, n), row i about item row first_row + i. Itself and what is not above 0 is left out;
    a short row is padded with -1 and 0.
    """
    pairs = similarities.tocoo()
    kept = (pairs.data > 0) & (pairs.col != pairs.row + first_row)
    rows, columns, values = pairs.row[kept], pairs.col[kept], pairs.data[kept].astype(np.float32)
    # One sort by row, then best first: less than a half never moves a pair into another row. A fifth of lexsort's time.
    order = np.argsort(rows - values / (2.1 * values.max(initial=0, keepdims=True).astype(np.float64)))
    per_row = np.bincount(rows, minlength=pairs.shape[0])
    # Place within its own row: the distance to where the row begins.
    places = np.arange(len(rows)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    order, places = order[places < k], places[places < k]
    found = np.full((pairs.shape[0], k), -1, dtype=np.int32)
    weights = np.zeros((pairs.shape[0], k), dtype=np.float32)
    found[rows[order], places] = columns[order]
    weights[rows[order], places] = values[order]
    return found, weights


def blocks_of(pairs_per_row: Int64) -> Iterator[slice]:
    """Cut all rows into slices of about _PAIRS_AT_ONCE pairs; one row is never cut."""
    block_of = np.cumsum(pairs_per_row) // _PAIRS_AT_ONCE
    starts = np.flatnonzero(np.r_[True, block_of[1:] != block_of[:-1]])
    for start, stop in zip(starts, np.r_[starts[1:], len(pairs_per_row)], strict=True):
        yield slice(int(start), int(stop))


def learned_table(
    source: str, blocks: Iterable[tuple[Int32, Float32]], settings: TableSettings, why_empty: str
) -> Learned:
    """Stack blocks of neighbours into what a table source learned.

    Raises LearnedNothingError in the source's name, with `why_empty`, if no item has a neighbour.
    """
    found, weights = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    if not weights.any():
        raise LearnedNothingError(source, why_empty, "import more events")
    return Learned({"rows": found, "weights": weights}, {"query_items": settings.query_items})
