"""Ranking: candidates in, one score each out. The seat of the blend, and later of the learned ranker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import Float32, Int64, Mask
from models.candidates import Candidates
from models.context import Context


class Ranker(Protocol):
    """Scores the candidates of one task."""

    def score(self, context: Context, candidates: Candidates) -> Float32:
        """Return one score per candidate, shape (c,), in their order; higher is better."""
        ...

    def shares(self, context: Context, candidates: Candidates) -> Float32:
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
    """Log-odds of a candidate of which this source has nothing to say."""
    weight: float
    """What the blend multiplies the log-odds with; >= 0, so a higher score never lowers the sum."""

    def contribution(self, scores: Float32) -> Float32:
        """Return what scores, shape (c,), add to the sum over having nothing to say."""
        odds = np.interp(scores, self.scores, self.log_odds)
        return np.where(np.isnan(scores), 0.0, self.weight * (odds - self.missing)).astype(np.float32)


@dataclass(frozen=True)
class LogisticSum:
    """Calibrated sources, weighted and added up: the log-odds that a candidate is right.

    Calibration: Zadrozny & Elkan, KDD 2002 (isotonic). Differs from stacking as usual: weights are not negative, and a
    source with nothing to say adds nothing.
    """

    bias: float
    calibrations: Mapping[str, Calibration]

    def log_odds(self, candidates: Candidates, places: Int64 | slice = slice(None)) -> Float32:
        """Return the log-odds of the candidates at some places, shape (p,); of all without them."""
        sums = np.full(len(candidates.rows[places]), self.bias, dtype=np.float32)
        for column, calibration in self._heard(candidates):
            sums += calibration.contribution(candidates.scores[places, column])
        return sums

    def shares(self, candidates: Candidates) -> Float32:
        """Return what each source adds, shape (c, s)."""
        shares = np.zeros(candidates.scores.shape, dtype=np.float32, order="F")
        for column, calibration in self._heard(candidates):
            shares[:, column] = calibration.contribution(candidates.scores[:, column])
        return shares

    def _heard(self, candidates: Candidates) -> Iterator[tuple[int, Calibration]]:
        """Give the columns of the sources that weigh something, and their curves."""
        for column, name in enumerate(candidates.sources):
            calibration = self.calibrations.get(name)
            if calibration is not None and calibration.weight > 0:
                yield column, calibration


@dataclass(frozen=True)
class Blend:
    """The blend of one task: one sum for what the shopper bought before, another for what would be new.

    One weight per source cannot serve both: whether somebody buys bread again and whether somebody tries another bread
    are two questions. On Complete Journey one sum for both has ndcg@20 .349 on `all`, two have .355 (2026-11).
    """

    bought: LogisticSum
    fresh: LogisticSum

    def score(self, context: Context, candidates: Candidates) -> Float32:
        """Return the probability of success, shape (c,); of both kinds on one scale."""
        return self.probability(bought_before(context, candidates), candidates)

    def probability(self, bought: Mask, candidates: Candidates) -> Float32:
        """Return the same for candidates of any shoppers; bought, shape (c,), marks what each one's bought before."""
        log_odds = np.empty(len(candidates), dtype=np.float32)
        for part, places in self._apart(bought):
            log_odds[places] = part.log_odds(candidates, places)
        # The logistic function, written so that no exponent overflows.
        probability: Float32 = np.exp(-np.logaddexp(0.0, -log_odds)).astype(np.float32)
        return probability

    def shares(self, context: Context, candidates: Candidates) -> Float32:
        shares = np.empty(candidates.scores.shape, dtype=np.float32)
        for part, places in self._apart(bought_before(context, candidates)):
            shares[places] = part.shares(candidates.where(places))
        return shares

    def _apart(self, bought: Mask) -> Iterator[tuple[LogisticSum, Int64]]:
        """Give each sum with the places of its candidates."""
        yield self.bought, np.flatnonzero(bought)
        yield self.fresh, np.flatnonzero(~bought)


def bought_before(context: Context, candidates: Candidates) -> Mask:
    """Mark the candidates, shape (c,), that the shopper bought before. A table of rows: a tenth of np.isin's time."""
    own = context.bought
    is_own = np.zeros(max(candidates.rows.max(initial=-1), own.max(initial=-1)) + 1, dtype=np.bool_)
    is_own[own] = True
    return is_own[candidates.rows]


@dataclass(frozen=True)
class OwnScore:
    """The score of the only source: how a placement of one source is ranked."""

    def score(self, context: Context, candidates: Candidates) -> Float32:
        del context
        own: Float32 = candidates.scores[:, :1].sum(axis=1)  # a sum, because there may be no source at all
        return own

    def shares(self, context: Context, candidates: Candidates) -> Float32:
        # The one source carries every candidate, also those to which it gives a negative score.
        del context
        return np.ones_like(candidates.scores)
