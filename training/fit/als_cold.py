"""Where an item stands among the factors of `als` before its first event: a linear map from what the catalogue says.

Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010: over the warm items
W = argmin sum_i |y_i - W'c_i - b|^2 + penalty |W|^2, y_i the factors, c_i what the catalogue says, of length 1 in
`dimensions` directions. Then, for an item that is not warm, y^ = W'c + b, v = y^ / |y^|^power and

    score = (x_u + pull * m) . v

with m the crowd: the vector that the shoppers' mean liking leads to. Differs from the paper in `power` and `pull`: a
mapped vector is as long as the catalogue is sure of it, which tells of popularity in one shop and of nothing in
another; and where tastes tell little of a new item, what the crowd takes tells more. Both, and the penalty, are chosen
where the answer is known: a tenth of the warm items is hidden, from the map and from the shoppers' vectors, and the
choice that ranks them best among themselves for shoppers who like some of them, by ndcg, is taken. (The factors of the
others have seen the hidden ones: that favours no choice over another.)

Directions: those of the most weight in the tokens of training/fit/tokens.py, by subspace iteration (Halko, Martinsson &
Tropp, SIAM Review 2011). 256 of them rank hidden items at ndcg@20 .045 and .093 (two draws, Complete Journey), 128 at
.037 and .089; .047 and .040 on Amazon Beauty (2026-11, validation). 512 of them, and all tokens, are worse than 256.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Final

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from models.arrays import Float32, Float64, Int64, Mask
from models.index import build_index
from models.sources.als_cold import Placing
from models.sources.base import Learned
from models.sources.factors import Factors
from models.topk import best_first
from training.data import TrainingData
from training.fit.factors import FactorSettings, Weights, item_factors
from training.fit.likes import liking_matrix
from training.fit.tokens import placed

_PASSES = 3
_HIDDEN = 0.1
_SHOPPERS = 500
"""Of whom a choice is measured."""
_K = 20
_FEWEST_HIDDEN = 2 * _K
"""With fewer, any list holds half of them, and nothing is chosen."""


@dataclass(frozen=True)
class Choice:
    """How a map is made and read."""

    penalty: float
    """Weight of W's length."""
    power: float
    """0: a vector stays as long as it is; 1: all are of one length."""
    pull: float
    """Weight of the crowd beside the shopper."""


PENALTIES: Final = (1.0, 10.0, 100.0)
CHOICES: Final = tuple(Choice(*one) for one in product(PENALTIES, (0.0, 1.0), (0.0, 1.0, 4.0)))
WITHOUT_A_TEST: Final = Choice(10.0, 1.0, 0.0)
"""Of a shop too small to try: what a shopper's own taste says, and nothing else."""


class Settings(FactorSettings, frozen=True):
    """The knobs of `als_cold`; those of the factors are best left as those of `als`, whose factors then serve both."""

    dimensions: int = Field(default=256, gt=0, le=1024)
    """Numbers that describe an item. Changes results, and the size of a bundle."""

    most_placed: int = Field(default=10_000, gt=0)
    """Items that are not warm and get a place, those that the crowd agrees with most; items that come after the
    training always do. Changes speed, and results where a catalogue is full of what nobody buys."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn the map, and v of the rows from n_warm on that get a place, as an index.

    Raises LearnedNothingError if no item is warm or no two items share a token, InputError if the shop's own vectors
    differ in length.
    """
    vectors, weights = item_factors(data, settings, "als_cold")
    content, words = placed(data, "als_cold", lambda told: leading_directions(told, settings.dimensions, data.seed))
    likes = liking_matrix(data, "als_cold")
    of_warm = content[: data.n_warm]
    choice = choose(likes, vectors, of_warm, weights, data.seed)
    (mapping,) = mapped(of_warm, vectors, [choice.penalty])
    placing = Placing(mapping, choice.power)
    factors = Factors.of(vectors, **asdict(weights))
    crowd, places = crowd_of(likes, factors), placing.place(content[data.n_warm :])
    cold = np.arange(data.n_warm, len(content), dtype=np.int32)
    kept = np.sort(best_first(places @ crowd, cold, settings.most_placed))
    arrays = {
        "rows": cold[kept],
        "factors": vectors,
        "mapping": placing.mapping,
        "crowd": np.float32(choice.pull) * crowd,
        **words.arrays(),
    }
    told = {**asdict(weights), "query_items": settings.query_items}
    return Learned(arrays, {**told, "power": choice.power, "n_rows": len(content)}, build_index(places[kept]))


def leading_directions(matrix: csr_matrix, dimensions: int, seed: int) -> Float64:
    """Return an orthonormal basis, shape (T, min(dimensions, n, T)), of nearly the most that a matrix holds.

    matrix: shape (n, T). Same matrix and seed, same basis.
    """
    small = matrix.astype(np.float32)
    basis = np.random.default_rng(seed).standard_normal((matrix.shape[1], min(dimensions, *matrix.shape)), np.float32)
    for _ in range(_PASSES):
        basis, _ = np.linalg.qr(small.T @ (small @ basis))
    return basis.astype(np.float64)


def mapped(content: Float32, factors: Float32, penalties: Sequence[float]) -> list[Float32]:
    """Return W and b, shape (D + 1, F), by ridge regression of factors, (m, F), on content vectors, (m, D).

    One for each penalty.
    """
    told = np.column_stack([content, np.ones(len(content), np.float32)])
    gram, met = (told.T @ told).astype(np.float64), told.T @ factors
    pulled = [np.append(np.full(content.shape[1], penalty), 1e-3) for penalty in penalties]
    return [np.linalg.solve(gram + np.diag(one), met).astype(np.float32) for one in pulled]


def crowd_of(likes: csr_matrix, factors: Factors) -> Float32:
    """Return the vector, shape (F,), that the shoppers' mean liking, of (n_shoppers, L), leads to.

    That is nearly the mean of their vectors, and is made of no one's.
    """
    mean = np.asarray(likes.mean(axis=0), dtype=np.float32).ravel()
    crowd: Float32 = np.linalg.solve(factors.gram, mean @ factors.vectors * np.float32(factors.alpha))
    return crowd


def choose(likes: csr_matrix, vectors: Float32, content: Float32, weights: Weights, seed: int) -> Choice:
    """Return the choice that ranks hidden items best.

    likes: shape (n_shoppers, L). vectors: shape (L, F). content: shape (L, D).
    """
    order = np.random.default_rng(seed).permutation(len(vectors))
    n_hidden = int(len(order) * _HIDDEN)
    hidden, shown = order[:n_hidden], np.sort(order[n_hidden:])
    if n_hidden < _FEWEST_HIDDEN:
        return WITHOUT_A_TEST
    factors = Factors.of(vectors[shown], **asdict(weights))
    of_shown = likes[:, shown].tocsr()
    wanted = likes[:, hidden].tocsr()
    asked = _asked(of_shown, wanted, seed)
    if not len(asked):
        return WITHOUT_A_TEST
    own = np.stack([factors.fold_in(row.indices, row.data) for row in of_shown[asked]])
    right = wanted[asked].toarray() > 0
    crowd = crowd_of(of_shown, factors)
    maps = dict(zip(PENALTIES, mapped(content[shown], vectors[shown], PENALTIES), strict=True))

    def worth(choice: Choice) -> float:
        places = Placing(maps[choice.penalty], choice.power).place(content[hidden])
        return ndcg((own + np.float32(choice.pull) * crowd) @ places.T, right)

    return max(CHOICES, key=worth)


def _asked(shown: csr_matrix, wanted: csr_matrix, seed: int) -> Int64:
    """Return shoppers, drawn by seed, who like something of both."""
    both = np.flatnonzero((shown.getnnz(axis=1) > 0) & (wanted.getnnz(axis=1) > 0))
    return both if len(both) <= _SHOPPERS else np.random.default_rng(seed).choice(both, _SHOPPERS, replace=False)


def ndcg(scores: Float32, right: Mask) -> float:
    """Return the mean ndcg of the best _K by scores, shape (u, h); right, same shape, with at least one a line."""
    best = np.argpartition(-scores, _K, axis=1)[:, :_K]
    best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
    discounts = 1 / np.log2(np.arange(_K) + 2.0)
    ideal = np.cumsum(discounts)[np.minimum(right.sum(axis=1), _K) - 1]
    return float((np.take_along_axis(right, best, axis=1) @ discounts / ideal).mean())
