"""What a source asks about: the anchors of the page where there are any, else the shopper's own items."""

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context


def query_of(context: Context, n_rows: int, limit: int) -> tuple[Int32, Float32]:
    """Return distinct rows below n_rows and their weights > 0, each shape (q <= limit,).

    Each of n anchors weighs 1 / sqrt(n), so that scores of full and of small carts compare. A shopper's item weighs the
    square root of its decayed weight, so that the tenth purchase says less than the first; beyond `limit` the lightest
    are left out, which bounds what a long history costs.
    """
    if len(context.anchors):
        rows = context.anchors[context.anchors < n_rows]
        if len(rows) > 1:
            rows = np.unique(rows)[:limit]
        return rows, np.full(len(rows), 1 / max(len(rows), 1) ** 0.5, dtype=np.float32)
    return context.once(("query", n_rows, limit), lambda: _of_shopper(context, n_rows, limit))


def _of_shopper(context: Context, n_rows: int, limit: int) -> tuple[Int32, Float32]:
    rows, decayed = context.liked
    covered = rows < n_rows
    if not covered.all():
        rows, decayed = rows[covered], decayed[covered]
    return rows[:limit], np.sqrt(decayed[:limit])
