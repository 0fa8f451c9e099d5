"""Association of two items in orders.

s_ab = n_ab / sqrt((n_a + shrink) * (n_b + shrink)), n counting orders; with shrink = 0 the square root of
support * lift, the IS measure of Tan, Kumar & Srivastava, KDD 2002, which is also the geometric mean of the confidences
a -> b and b -> a. A pair counts if at least `minimum_orders` orders hold both (Agrawal, Imielinski & Swami, SIGMOD
1993) and its lift, n_ab * n / (n_a * n_b), is above `minimum_lift`. Differs from the paper by the shrinking: two items
ordered twice do not beat a pair that was ordered together a hundred times.
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field
from scipy.sparse import coo_matrix, csr_matrix

from models.arrays import Float32, Int32
from models.errors import LearnedNothingError
from models.events import PURCHASE
from models.sources.base import Learned
from training.data import TrainingData
from training.fit.likes import liked_warm
from training.fit.tables import TableSettings, blocks_of, learned_table, neighbours_of

_NAME = "bought_together"


class Settings(TableSettings, extra="forbid", frozen=True):
    """The knobs of `bought_together`."""

    minimum_orders: int = Field(default=2, gt=0)
    """Orders that must hold both items. Changes results: larger drops chance pairs, and rare ones."""

    minimum_lift: float = Field(default=1.0, ge=0)
    """How many times more often than by chance a pair must be ordered. Changes results: 0 keeps every pair."""

    shrink: float = Field(default=20.0, ge=0)
    """Orders added to each item's count. Changes results: larger prefers pairs with much evidence."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows and weights, each (n_warm, neighbours).

    Raises LearnedNothingError if no purchase names its order, or no pair is ordered often enough.
    """
    events = liked_warm(data, _NAME)
    lines = events.where((events.types == PURCHASE) & (events.orders >= 0))
    if not len(lines):
        if data.timeless:
            raise LearnedNothingError(_NAME, "this protocol looks at no orders", "nothing is to be done")
        raise LearnedNothingError(_NAME, "no purchase of a warm item names its order", "give purchases an order_id")
    orders, numbers = np.unique(lines.orders, return_inverse=True)
    held = coo_matrix((np.ones(len(lines), np.float32), (numbers, lines.items)), shape=(len(orders), data.n_warm))
    baskets = held.tocsr()
    # An order with two lines of one item holds it once.
    baskets.data[:] = 1
    why_empty = f"no two items share {settings.minimum_orders} orders"
    return learned_table(_NAME, _neighbours(baskets, settings), settings, why_empty)


def _neighbours(baskets: csr_matrix, settings: Settings) -> Iterator[tuple[Int32, Float32]]:
    holding = baskets.T.tocsr()
    counts = np.diff(holding.indptr).astype(np.float64)
    sizes = np.diff(baskets.indptr)
    for block in blocks_of((holding @ sizes).astype(np.int64)):
        together = (holding[block] @ baskets).tocoo()
        n_a, n_b = counts[together.row + block.start], counts[together.col]
        lift = together.data * baskets.shape[0] / (n_a * n_b)
        kept = (together.data >= settings.minimum_orders) & (lift > settings.minimum_lift)
        scores = together.data / np.sqrt((n_a + settings.shrink) * (n_b + settings.shrink))
        pairs = coo_matrix((scores[kept], (together.row[kept], together.col[kept])), shape=together.shape)
        yield neighbours_of(pairs, block.start, settings.neighbours)
