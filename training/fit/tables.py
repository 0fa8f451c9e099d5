"""From a sparse matrix of similarities to a table of neighbours."""

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from models.arrays import Float32, Int32
from models.errors import LearnedNothingError
from models.sources.base import Learned


def neighbours_of(similarities: coo_matrix | csr_matrix, first_row: int, k: int) -> tuple[Int32, Float32]:
    """Return the k most similar columns of each row, and their similarities, each shape (n_rows, k), best first.

    similarities: shape (n_rows, n), row i about item row first_row + i. Itself and what is not above 0 is left out;
    a short row is padded with -1 and 0.
    """
    pairs = similarities.tocoo()
    kept = (pairs.data > 0) & (pairs.col != pairs.row + first_row)
    rows, columns, values = pairs.row[kept], pairs.col[kept], pairs.data[kept].astype(np.float32)
    order = np.lexsort((-values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    # Place within its own row: the distance to where the row begins.
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    near = places < k
    found = np.full((similarities.shape[0], k), -1, dtype=np.int32)
    weights = np.zeros((similarities.shape[0], k), dtype=np.float32)
    found[rows[near], places[near]] = columns[near]
    weights[rows[near], places[near]] = values[near]
    return found, weights


def learned_table(blocks: Iterable[tuple[Int32, Float32]], source: str, why_empty: str, query_items: int) -> Learned:
    """Stack blocks of neighbours into what a table source learned.

    Raises LearnedNothingError in the source's name, with `why_empty`, if no item has a neighbour.
    """
    found, weights = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    if not weights.any():
        raise LearnedNothingError(source, why_empty, "import more events")
    return Learned({"rows": found, "weights": weights}, {"query_items": query_items})
