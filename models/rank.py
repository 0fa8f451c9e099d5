"""Ranking: candidates in, one score each out. The seat of the blend, and later of the learned ranker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import Float32
from models.candidates import Candidates
from models.context import Context


class Ranker(Protocol):
    """Scores the candidates of one task."""

    def score(self, context: Context, candidates: Candidates) -> Float32:
        """Return one score per candidate, shape (c,), in their order; higher is better."""
        ...

    def shares(self, candidates: Candidates) -> Float32:
        """Return how much each source adds to each score, shape (c, s): what a reason names."""
        ...


@dataclass(frozen=True)
class Calibration:
    """One source's score as log-odds of success: a monotone piecewise linear curve."""

    scores: Float32
    """Shape (p,), increasing: where the curve has its knots."""
    log_odds: Float32
    """Shape (p,), not decreasing."""
    missing: float
    """Log-odds of a candidate that this source did not propose."""
    weight: float
    """What the blend multiplies the log-odds with; >= 0, so a higher score never lowers the sum."""

    def contribution(self, scores: Float32) -> Float32:
        """Return what scores, shape (c,), add to the blend over not being proposed."""
        odds = np.interp(scores, self.scores, self.log_odds)
        return np.where(np.isnan(scores), 0.0, self.weight * (odds - self.missing)).astype(np.float32)


@dataclass(frozen=True)
class Blend:
    """A logistic sum of calibrated sources; one per task.

    Calibration: Zadrozny & Elkan, KDD 2002 (isotonic). The weights are a logistic regression on the log-odds, fitted on
    the validation window. Differs from stacking as usual: weights are not negative, and a missing source adds nothing.
    """

    bias: float
    calibrations: Mapping[str, Calibration]

    def score(self, context: Context, candidates: Candidates) -> Float32:
        """Return the probability of success, shape (c,)."""
        del context  # the learned ranker will look at it
        log_odds = self.bias + self.shares(candidates).sum(axis=1)
        # The logistic function, written so that no exponent overflows.
        probability: Float32 = np.exp(-np.logaddexp(0.0, -log_odds)).astype(np.float32)
        return probability

    def shares(self, candidates: Candidates) -> Float32:
        shares = np.zeros(candidates.scores.shape, dtype=np.float32)
        for column, name in enumerate(candidates.sources):
            if name in self.calibrations:
                shares[:, column] = self.calibrations[name].contribution(candidates.scores[:, column])
        return shares


@dataclass(frozen=True)
class OwnScore:
    """The score of the only source: how a placement of one source is ranked."""

    def score(self, context: Context, candidates: Candidates) -> Float32:
        del context
        own: Float32 = candidates.scores[:, :1].sum(axis=1)  # a sum, because there may be no source at all
        return own

    def shares(self, candidates: Candidates) -> Float32:
        # The one source carries every candidate, also those to which it gives a negative score.
        return np.ones_like(candidates.scores)
