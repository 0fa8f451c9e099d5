"""Fit the blend of one task: calibrate every source, then weigh them; apart for what was bought before and what not."""

from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Float32, Int32, Mask
from models.candidates import Candidates
from models.rank import Blend, LogisticSum
from training.calibrate import calibrate
from training.config import BlendSettings
from training.softmax import fit_scale, fit_softmax, hardest

_RELIABILITY_BINS = 10
_IMPROBABLE_LOG_ODDS = -10.0
"""Of candidates of a kind of which none was ever right."""


@dataclass(frozen=True)
class LabelledCandidates:
    """Candidates of many requests and whether each of them was right."""

    candidates: Candidates
    """Of all requests, one after another; rows repeat across requests."""
    requests: Int32
    """Shape (c,): which request; equal ones side by side."""
    bought: Mask
    """Shape (c,): whether that request's shopper bought the candidate before."""
    labels: Mask
    """Shape (c,)."""

    def where(self, keep: Mask) -> "LabelledCandidates":
        """Return those that `keep`, shape (c,), marks."""
        return LabelledCandidates(
            self.candidates.where(keep), self.requests[keep], self.bought[keep], self.labels[keep]
        )


@dataclass(frozen=True)
class FittedBlend:
    """A blend and how far its probabilities can be believed."""

    blend: Blend
    calibration_error: float
    """Expected calibration error on every other request, by a fit that did not see them; 0 is perfect. Unit:
    probability."""
    n_candidates: int
    n_right: int


def fit_blend(examples: LabelledCandidates, settings: BlendSettings) -> FittedBlend:
    """Fit on all requests; measure reliability with a fit on half of them."""
    seen = examples.requests % 2 == 0
    half, unseen = _fit(examples.where(seen), settings), examples.where(~seen)
    log_odds = np.where(unseen.bought, half.bought.log_odds(unseen.candidates), half.fresh.log_odds(unseen.candidates))
    return FittedBlend(
        blend=_fit(examples, settings),
        calibration_error=calibration_error(np.exp(-np.logaddexp(0.0, -log_odds)), unseen.labels),
        n_candidates=len(examples.labels),
        n_right=int(examples.labels.sum()),
    )


def calibration_error(probabilities: Float32, labels: Mask) -> float:
    """Return the mean distance of predicted from observed rate, over ten bins of equal count, weighted by size."""
    if not len(labels):
        return 0.0
    bins = np.array_split(np.argsort(probabilities, kind="stable"), _RELIABILITY_BINS)
    gaps = [abs(float(probabilities[b].mean() - labels[b].mean())) * len(b) for b in bins if len(b)]
    return sum(gaps) / len(labels)


def _fit(examples: LabelledCandidates, settings: BlendSettings) -> Blend:
    return Blend(
        bought=_fit_sum(examples.where(examples.bought), settings.hardest_bought, settings),
        fresh=_fit_sum(examples.where(~examples.bought), settings.hardest_fresh, settings),
    )


def _fit_sum(examples: LabelledCandidates, k: int, settings: BlendSettings) -> LogisticSum:
    """Calibrate, weigh, weigh again on each request's k best: what decides a list is the order at its top."""
    found, labels, requests = examples.candidates, examples.labels, examples.requests
    if not labels.any():
        return LogisticSum(_IMPROBABLE_LOG_ODDS, {})
    curves = {name: calibrate(found.scores[:, column], labels) for column, name in enumerate(found.sources)}
    shares = LogisticSum(0.0, curves).shares(found)
    first = fit_softmax(shares, labels, requests, settings.l2)
    top = hardest(shares @ first.astype(np.float32), requests, k)
    weights = fit_softmax(shares[top], labels[top], requests[top], settings.l2)
    slope, bias = fit_scale(shares @ weights.astype(np.float32), labels)
    weighted = {
        name: replace(curve, weight=slope * float(weight))
        for (name, curve), weight in zip(curves.items(), weights, strict=True)
    }
    return LogisticSum(bias, weighted)
