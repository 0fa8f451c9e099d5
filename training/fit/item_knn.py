"""Item-to-item collaborative filtering: cosine between the shoppers of two items.

s_ij = r_i . r_j / (|r_i| |r_j|), r_i the column of r_ui = sqrt(decayed weight); the k largest per item are kept.
Linden, Smith & York, "Amazon.com recommendations", IEEE Internet Computing 2003; Deshpande & Karypis, TOIS 2004.
Differs from both in that old likes fade, so the table follows the shop.
"""

import numpy as np
from implicit.nearest_neighbours import ItemItemRecommender
from scipy.sparse import csr_matrix, diags

from models.sources.base import Learned
from training.data import TrainingData
from training.fit.likes import liking_matrix
from training.fit.tables import TableSettings, learned_table, neighbours_of

# An item all of whose likes were taken back has length 0, and no neighbours.
_SHORTEST = 1e-12


class Settings(TableSettings, extra="forbid", frozen=True):
    """The knobs of `item_knn`."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn rows and weights, each (n_warm, neighbours). Raises LearnedNothingError if no two items share a shopper."""
    likes = liking_matrix(data, "item_knn")
    lengths = np.sqrt(np.bincount(likes.indices, weights=likes.data**2, minlength=data.n_warm))
    # An item is its own nearest neighbour: one more is asked for, and it is dropped below.
    model = ItemItemRecommender(K=settings.neighbours + 1, num_threads=0)
    model.fit(csr_matrix(likes @ diags(1 / np.maximum(lengths, _SHORTEST)), dtype=np.float64), show_progress=False)
    table = neighbours_of(model.similarity, 0, settings.neighbours)
    return learned_table("item_knn", [table], settings, "no two items have a shopper in common")
