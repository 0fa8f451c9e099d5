"""Implicit-feedback matrix factorisation by alternating least squares: the space in which items and shoppers meet.

Hu, Koren & Volinsky, ICDM 2008: minimise sum over u, i of c_ui (p_ui - x_u . y_i)^2 + regularization * (|x|^2 + |y|^2),
p_ui = 1 where shopper u likes item i, else 0 with c_ui = 1. Differs from the paper: c_ui = alpha * r_ui for a like
(implicit's form; the paper has 1 + alpha * r_ui), r_ui = sqrt(decayed weight), so that an old like counts less than
no like; and three steps of conjugate gradients per row (Takacs, Pilaszy & Tikk, RecSys 2011) instead of an exact solve.
Shopper vectors are thrown away: serving folds histories in, exactly.
"""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from pydantic import BaseModel, Field
from threadpoolctl import threadpool_limits

from models.arrays import Float32
from training.data import TrainingData
from training.fit.likes import liking_matrix


class FactorSettings(BaseModel, extra="forbid", frozen=True):
    """The knobs of the factors, and of folding a history in."""

    # Complete Journey, ndcg@20 on `new`: .0435 with 32, .0436 with 48, .0432 with 64 (2026-11).
    factors: int = Field(default=48, gt=0, le=1024)
    """Length F of a vector. Changes results and speed: a fold-in costs F^2 per item of the history."""

    regularization: float = Field(default=10.0, gt=0)
    """Weight of the vectors' length. Changes results: larger is smoother, nearer to popularity."""

    alpha: float = Field(default=1.0, gt=0)
    """Confidence per unit of liking. Changes results: larger believes single likes more."""

    iterations: int = Field(default=10, gt=0)
    """Passes over shoppers and items. Changes results, and the time to learn."""

    query_items: int = Field(default=500, gt=0)
    """Items of a history that are folded in, the heaviest. Changes speed; results only for very long histories."""


def item_factors(data: TrainingData, settings: FactorSettings, source: str) -> Float32:
    """Return the factors of the warm items, shape (n_warm, factors); learned once for all who ask alike.

    Raises LearnedNothingError in the source's name if no item is warm.
    """
    key = ("factors", settings.factors, settings.regularization, settings.alpha, settings.iterations)
    return data.once(key, lambda: _learned(data, settings, source))


def _learned(data: TrainingData, settings: FactorSettings, source: str) -> Float32:
    likes = liking_matrix(data, source)
    # implicit runs its own threads over rows; BLAS threads beneath them make it slower, and it warns of them.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=settings.factors,
            regularization=settings.regularization,
            alpha=settings.alpha,
            iterations=settings.iterations,
            random_state=data.seed,
        )
        model.fit(likes, show_progress=False)
    return np.asarray(model.item_factors, dtype=np.float32)
