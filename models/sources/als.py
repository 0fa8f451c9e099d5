"""Items whose factors agree with the shopper's, folded in from the history when asked."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.arrays import Float32, Int32
from models.context import Context
from models.index import Index
from models.sources.answers import Cosines, Nearest, Silence
from models.sources.base import Answer, Learned
from models.sources.query import query_of


@dataclass(frozen=True)
class Als:
    """Matrix factors of the warm items; the model and its symbols stand in training/fit/als.py."""

    name: ClassVar[str] = "als"
    index: Index
    """Item factors Y, rows [0, L)."""
    gram: Float32
    """Shape (F, F): Y'Y + regularization * I."""
    inverse_lengths: Float32
    """Shape (L,): 1 / |y_i|; 0 where y_i is 0."""
    alpha: float
    query_items: int
    """At most so many items are folded in, the heaviest ones."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Index: item factors (L, F). Settings: regularization, alpha, query_items."""
        if learned.index is None:
            raise KeyError("index")
        factors, settings = learned.index.vectors, learned.settings
        gram = factors.T @ factors + np.float32(settings["regularization"]) * np.eye(factors.shape[1], dtype=np.float32)
        lengths = np.linalg.norm(factors, axis=1)
        inverse_lengths = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        alpha, query_items = float(settings["alpha"]), int(settings["query_items"])
        return cls(learned.index, gram, inverse_lengths, alpha, query_items)

    def ask(self, context: Context) -> Answer:
        """Return agreement with the shopper's vector, or mean cosine to the anchors."""
        rows, weights = query_of(context, len(self.index), self.query_items)
        if not len(rows):
            return Silence()
        if len(context.anchors):
            return Cosines(self.index, self.inverse_lengths, self._direction(rows))
        return Nearest(self.index, context.once("als", lambda: self.fold_in(rows, weights)))

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return the items asked about and by how much each raises a row; the parts of Hu, Koren & Volinsky, section 5.

        x_u is linear in the confidences given the shopper's own metric: score_ui = sum_j c_uj * y_i' A_u^-1 y_j.
        """
        asked, weights = query_of(context, len(self.index), self.query_items)
        own, wanted = self.index.vectors[asked], self.index.vectors[rows].T
        added: Float32
        if len(context.anchors):
            lengths = self.inverse_lengths
            added = own @ wanted * lengths[asked, None] * lengths[rows] / np.float32(len(asked))
        else:
            confidences = np.float32(self.alpha) * weights
            inverse: Float32 = context.once("als inverse", lambda: np.linalg.inv(self._metric(own, confidences)))
            added = confidences[:, None] * (own @ (inverse @ wanted))
        return asked, np.maximum(added, 0)

    def fold_in(self, rows: Int32, weights: Float32) -> Float32:
        """Return the shopper's vector x_u, shape (F,): A_u^-1 Y' c_u.

        rows, weights: shape (q,), distinct rows below L and r_ui > 0. Cost: q F^2 + F^3; 60 microseconds for 300 x 48.
        """
        own, confidences = self.index.vectors[rows], np.float32(self.alpha) * weights
        vector: Float32 = np.linalg.solve(self._metric(own, confidences), confidences @ own)
        return vector

    def _metric(self, own: Float32, confidences: Float32) -> Float32:
        """Return A_u, shape (F, F). Only the shopper's own items differ from confidence 1: their part is added to Y'Y.

        own: shape (q, F), the factors of the shopper's items.
        """
        return self.gram + own.T @ (own * (confidences - 1)[:, None])

    def _direction(self, rows: Int32) -> Float32:
        """Return the mean of the rows' unit vectors, shape (F,)."""
        direction: Float32 = (self.index.vectors[rows] * self.inverse_lengths[rows][:, None]).mean(axis=0)
        return direction
