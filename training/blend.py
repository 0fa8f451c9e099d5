"""Fit the blend of one task: calibrate every source, then weigh them by a logistic regression."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from models.arrays import Float32, Float64, Int32, Mask
from models.candidates import Candidates
from models.context import Context
from models.rank import Blend
from training.calibrate import calibrate
from training.config import BlendSettings

_RELIABILITY_BINS = 10


@dataclass(frozen=True)
class LabelledCandidates:
    """Candidates of many requests and whether each of them was right."""

    candidates: Candidates
    """Of all requests, one after another; rows repeat across requests."""
    requests: Int32
    """Shape (c,): which request."""
    labels: Mask
    """Shape (c,)."""

    def where(self, keep: Mask) -> "LabelledCandidates":
        """Return those that `keep`, shape (c,), marks."""
        found = self.candidates
        return LabelledCandidates(
            Candidates(found.rows[keep], found.scores[keep], found.sources), self.requests[keep], self.labels[keep]
        )


@dataclass(frozen=True)
class FittedBlend:
    """A blend and how far its probabilities can be believed."""

    blend: Blend
    calibration_error: float
    """Expected calibration error on the half of the requests that this check's fit did not see; 0 is perfect. Unit:
    probability."""
    n_candidates: int
    n_right: int


def fit_blend(examples: LabelledCandidates, settings: BlendSettings) -> FittedBlend:
    """Fit calibrations and weights on all examples; measure reliability by fitting on every other request."""
    seen = examples.requests % 2 == 0
    half = _fit(examples.where(seen), settings)
    unseen = examples.where(~seen)
    return FittedBlend(
        blend=_fit(examples, settings),
        calibration_error=calibration_error(half.score(Context(now_us=0), unseen.candidates), unseen.labels),
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
    found = examples.candidates
    curves = {
        name: calibrate(found.scores[:, column], examples.labels, settings.knots)
        for column, name in enumerate(found.sources)
    }
    unweighted = Blend(0.0, curves)
    weights, bias = _logistic(unweighted.shares(found), examples.labels, settings.l2)
    weighted = {
        name: replace(curve, weight=float(weight))
        for (name, curve), weight in zip(curves.items(), weights, strict=True)
    }
    return Blend(bias, weighted)


def _logistic(features: Float32, labels: Mask, l2: float) -> tuple[Float64, float]:
    """Return weights >= 0, shape (s,), and the bias of a logistic regression, by L-BFGS-B.

    features: shape (n, s). Weights below 0 would make a better score of one source lower the sum: a shopper could not
    be told why.
    """
    n, n_sources = features.shape
    if not labels.any() or labels.all():
        return np.ones(n_sources), 0.0

    def loss(parameters: Float64) -> tuple[float, Float64]:
        weights, bias = parameters[:-1], parameters[-1]
        log_odds = features @ weights.astype(np.float32) + bias
        probabilities = 1 / (1 + np.exp(-log_odds))
        value = (np.logaddexp(0, log_odds).sum() - log_odds[labels].sum()) / n + l2 * (weights**2).sum()
        error = (probabilities - labels) / n
        gradient = np.r_[features.T @ error + 2 * l2 * weights, error.sum()]
        return float(value), gradient.astype(np.float64)

    start = np.r_[np.full(n_sources, 0.3), np.log(labels.mean() / (1 - labels.mean()))]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_sources + [(None, None)])
    return found.x[:-1], float(found.x[-1])
