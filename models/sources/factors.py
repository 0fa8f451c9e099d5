"""Item factors and the folding-in of a history; the model and its symbols stand in training/fit/factors.py."""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context


@dataclass(frozen=True)
class Factors:
    """Where items stand, and where that puts a shopper."""

    vectors: Float32
    """Y, shape (L, F): rows [0, L)."""
    gram: Float32
    """Shape (F, F): Y'Y + regularization * I."""
    alpha: float
    digest: bytes
    """Names the vectors and what they were learned with: two sources that hold the same share what they work out."""

    @classmethod
    def of(cls, vectors: Float32, *, regularization: float, alpha: float) -> Self:
        """Take the item factors, shape (L, F), and what they were learned with. Cost: 1 millisecond a megabyte."""
        gram = vectors.T @ vectors + np.float32(regularization) * np.eye(vectors.shape[1], dtype=np.float32)
        digest = hashlib.blake2b(np.ascontiguousarray(vectors).data, digest_size=16)
        digest.update(f"{vectors.shape} {regularization} {alpha}".encode())
        return cls(vectors, gram, alpha, digest.digest())

    def shopper(self, context: Context, rows: Int32, weights: Float32) -> Float32:
        """Return x_u of a question's own shopper, folded in once; rows, weights: what `query_of` gives."""
        return context.once(("folded in", self.digest, len(rows)), lambda: self.fold_in(rows, weights))

    def fold_in(self, rows: Int32, weights: Float32) -> Float32:
        """Return the shopper's vector x_u, shape (F,): A_u^-1 Y' c_u.

        rows, weights: shape (q,), distinct rows below L and r_ui > 0. Cost: q F^2 + F^3; 60 microseconds for 300 x 48.
        """
        own, confidences = self.vectors[rows], np.float32(self.alpha) * weights
        vector: Float32 = np.linalg.solve(self._metric(own, confidences), confidences @ own)
        return vector

    def inverse(self, rows: Int32, weights: Float32) -> Float32:
        """Return the shopper's own metric, A_u^-1, shape (F, F)."""
        inverse: Float32 = np.linalg.inv(self._metric(self.vectors[rows], np.float32(self.alpha) * weights))
        return inverse

    def parts(self, rows: Int32, weights: Float32, inverse: Float32, wanted: Float32) -> Float32:
        """Return what each item of a history adds to x_u . v, shape (q, m), for vectors v, shape (m, F).

        Hu, Koren & Volinsky, section 5: x_u is linear in the confidences given the shopper's own metric.
        """
        confidences = np.float32(self.alpha) * weights
        parts: Float32 = confidences[:, None] * (self.vectors[rows] @ (inverse @ wanted.T))
        return parts

    def _metric(self, own: Float32, confidences: Float32) -> Float32:
        """Return A_u, shape (F, F). Only the shopper's own items differ from confidence 1: their part is added to Y'Y.

        own: shape (q, F), the factors of the shopper's items.
        """
        return self.gram + own.T @ (own * (confidences - 1)[:, None])
