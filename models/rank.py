"""Ranking: candidates in, one score each out. The seat of the blend, and later of the learned ranker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import Float32, Int64, Mask
from models.candidates import Candidates
from models.context import Context


@dataclass(frozen=True)
class Weighed:
    """What a ranker thinks of candidates."""

    scores: Float32
    """Shape (c,); higher is better."""
    shares: Float32
    """Shape (c, s): how much each source adds to each score; what a reason names."""


class Ranker(Protocol):
    """Scores the candidates of one task."""

    def weigh(self, context: Context, candidates: Candidates) -> Weighed:
        """Return the candidates' scores and shares, in their order."""
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


def contributions(calibrations: Sequence[Calibration], scores: Float32) -> Float32:
    """Return what scores add to the sum over having nothing to say, shape (s, c).

    scores: shape (s, c), a line per calibration; NaN where its source has nothing to say.
    """
    odds = np.empty(scores.shape)
    for line, own, one in zip(odds, scores, calibrations, strict=True):
        line[:] = np.interp(own, one.scores, one.log_odds)
    missing, weights = np.array([(one.missing, one.weight) for one in calibrations]).T[:, :, None]
    added: Float32 = (weights * (odds - missing)).astype(np.float32)
    added[np.isnan(scores)] = 0
    return added


@dataclass(frozen=True)
class LogisticSum:
    """Calibrated sources, weighted and added up: the log-odds that a candidate is right.

    Calibration: Zadrozny & Elkan, KDD 2002 (isotonic). Differs from stacking as usual: weights are not negative, and a
    source with nothing to say adds nothing.
    """

    bias: float
    calibrations: Mapping[str, Calibration]

    def shares(self, candidates: Candidates, places: Int64 | slice = slice(None)) -> Float32:
        """Return what each source adds to the candidates at some places, shape (p, s); to all without them."""
        heard = self._heard(candidates)
        scores = candidates.scores.T
        shares = np.zeros((len(scores), len(candidates.rows[places])), dtype=np.float32)
        if heard:
            lines = scores.take(list(heard), axis=0)
            lines = lines if isinstance(places, slice) else lines.take(places, axis=1)
            shares[list(heard)] = contributions(list(heard.values()), lines)
        return shares.T

    def _heard(self, candidates: Candidates) -> dict[int, Calibration]:
        """Return the curves of the sources that weigh something, by column."""
        found = {column: self.calibrations.get(name) for column, name in enumerate(candidates.sources)}
        return {column: one for column, one in found.items() if one is not None and one.weight > 0}


@dataclass(frozen=True)
class Blend:
    """The blend of one task: one sum for what the shopper bought before, another for what would be new.

    One weight per source cannot serve both: whether somebody buys bread again and whether somebody tries another bread
    are two questions. On Complete Journey one sum for both has ndcg@20 .349 on `all`, two have .355 (2026-11).
    """

    bought: LogisticSum
    fresh: LogisticSum

    def weigh(self, context: Context, candidates: Candidates) -> Weighed:
        """Return the probability of success, of both kinds on one scale, and what the sources add to its log-odds."""
        return self.weigh_marked(bought_before(context, candidates), candidates)

    def weigh_marked(self, bought: Mask, candidates: Candidates) -> Weighed:
        """Return the same for candidates of any shoppers; bought, shape (c,), marks what each one's bought before."""
        if not bought.any():
            return _probable(np.full(len(candidates), self.fresh.bias, np.float32), self.fresh.shares(candidates))
        shares = np.empty_like(candidates.scores)
        for part, places in ((self.bought, np.flatnonzero(bought)), (self.fresh, np.flatnonzero(~bought))):
            if len(places):
                shares[places] = part.shares(candidates, places)
        biases = np.where(bought, np.float32(self.bought.bias), np.float32(self.fresh.bias))
        return _probable(biases, shares)


def _probable(biases: Float32, shares: Float32) -> Weighed:
    """Turn log-odds, given as biases, shape (c,), and shares, into probabilities."""
    # One source after another, so that a source with nothing to say changes no rounding.
    log_odds: Float32 = sum(shares.T, start=biases)
    return Weighed(probability_of(log_odds), shares)


def probability_of(log_odds: Float32) -> Float32:
    """Return the logistic function, written so that no exponent overflows."""
    probabilities: Float32 = np.exp(-np.logaddexp(np.float32(0), -log_odds))
    return probabilities


def bought_before(context: Context, candidates: Candidates) -> Mask:
    """Mark the candidates, shape (c,), that the shopper bought before. A table of rows: a tenth of np.isin's time."""
    own = context.bought
    if not len(own):
        return np.zeros(len(candidates), dtype=np.bool_)
    is_own = np.zeros(max(candidates.rows.max(initial=-1), own.max(initial=-1)) + 1, dtype=np.bool_)
    is_own[own] = True
    return is_own[candidates.rows]


@dataclass(frozen=True)
class OwnScore:
    """The score of the only source: how a placement of one source is ranked."""

    def weigh(self, context: Context, candidates: Candidates) -> Weighed:
        """Return the source's own scores; it carries every candidate, also those to which it gives a negative one."""
        del context
        own: Float32 = candidates.scores[:, :1].sum(axis=1)  # a sum, because there may be no source at all
        return Weighed(own, np.ones_like(candidates.scores))
