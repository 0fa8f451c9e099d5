"""Implicit-feedback matrix factorisation by alternating least squares: the space in which items and shoppers meet.

Hu, Koren & Volinsky, ICDM 2008: minimise sum over u, i of c_ui (p_ui - x_u . y_i)^2 + regularization * (|x|^2 + |y|^2),
p_ui = 1 where shopper u likes item i, else 0 with c_ui = 1. Differs from the paper: c_ui = alpha * r_ui for a like
(implicit's form; the paper has 1 + alpha * r_ui), r_ui = sqrt(decayed weight), so that an old like counts less than
no like; and three steps of conjugate gradients per row (Takacs, Pilaszy & Tikk, RecSys 2011) instead of an exact solve.
Shopper vectors are thrown away: serving folds histories in, exactly.

alpha and regularization come from the data, so that one setting does for a grocer's households with hundreds of items
and for visitors with two: the likes of a shopper weigh `confidence` of what all items weigh that are not liked,
alpha = confidence * n_items / mean_u sum_i r_ui, but a like of mean weight no less than 1; and a vector's length weighs
`regularization` of what the likes weigh. Compare the scaling of
Rendle, Krichene, Zhang & Koren, "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022.
"""

from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from pydantic import BaseModel, Field
from scipy.sparse import csr_matrix

from models.arrays import Float32
from training.data import TrainingData
from training.fit.likes import liking_matrix


class FactorSettings(BaseModel, extra="forbid", frozen=True):
    """The knobs of the factors, and of folding a history in."""

    # Complete Journey, ndcg@20 on `new`: .0435 with 32, .0436 with 48, .0432 with 64 (2026-11).
    factors: int = Field(default=48, gt=0, le=1024)
    """Length F of a vector. Changes results and speed: a fold-in costs F^2 per item of the history."""

    regularization: float = Field(default=0.05, gt=0)
    """Weight of the vectors' length, as a share of what a shopper's likes weigh. Changes results: larger is smoother,
    nearer to popularity."""

    # Alpha 1 and regularization 10 for all shops -> these shares: recall@10 of Amazon Beauty, validation, .048 -> .065;
    # on Complete Journey they are the same, a confidence of 0.0086 (2026-11).
    confidence: float = Field(default=0.01, gt=0)
    """What a shopper's likes weigh together, as a share of what all items weigh. Changes results: larger believes
    single likes more."""

    iterations: int = Field(default=10, gt=0)
    """Passes over shoppers and items. Changes results, and the time to learn."""

    query_items: int = Field(default=500, gt=0)
    """Items of a history that are folded in, the heaviest. Changes speed; results only for very long histories."""


@dataclass(frozen=True)
class Weights:
    """The weights of the loss, in the units of the paper."""

    alpha: float
    regularization: float


def item_factors(data: TrainingData, settings: FactorSettings, source: str) -> tuple[Float32, Weights]:
    """Return the factors of the warm items, shape (n_warm, factors), and how likes weighed; learned once for all.

    Raises LearnedNothingError in the source's name if no item is warm.
    """
    key = ("factors", settings.factors, settings.regularization, settings.confidence, settings.iterations)
    return data.once(key, lambda: _learned(data, settings, source))


def weights_of(likes: csr_matrix, settings: FactorSettings) -> Weights:
    """Return what suits likes r_ui, shape (n_shoppers, n_items)."""
    if not likes.nnz:
        return Weights(alpha=1.0, regularization=settings.regularization)
    total = float(likes.sum())
    liking = total / np.count_nonzero(likes.getnnz(axis=1))
    alpha = float(max(settings.confidence * likes.shape[1] / liking, likes.nnz / total))
    return Weights(alpha=alpha, regularization=float(settings.regularization * alpha * liking))


def _learned(data: TrainingData, settings: FactorSettings, source: str) -> tuple[Float32, Weights]:
    likes = liking_matrix(data, source)
    weights = weights_of(likes, settings)
    model = AlternatingLeastSquares(
        factors=settings.factors,
        regularization=weights.regularization,
        alpha=weights.alpha,
        iterations=settings.iterations,
        random_state=data.seed,
    )
    model.fit(likes, show_progress=False)
    return np.asarray(model.item_factors, dtype=np.float32), weights
