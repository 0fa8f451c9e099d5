"""One source's scores into log-odds: isotonic regression on the validation window, kept as a few knots."""

import numpy as np
from scipy.optimize import isotonic_regression

from models.arrays import Float32, Float64, Mask
from models.rank import Calibration

_MAX_BINS = 400
_MIN_PER_BIN = 200
_LEAST_PROBABILITY = 1e-5


def calibrate(scores: Float32, labels: Mask, knots: int) -> Calibration:
    """Fit the curve from score to log-odds of a positive label; weight 1.

    scores: shape (n,), NaN where the source did not propose the candidate. labels: shape (n,).
    Isotonic calibration after Zadrozny & Elkan (KDD 2002), on bins of equal count instead of single scores, with half
    a pseudo-candidate of the base rate in each, so that no bin says 0 or 1. Between knots the curve is linear, which
    keeps the source's own order where the steps of plain isotonic regression would tie.
    """
    proposed = ~np.isnan(scores)
    base = float(labels.mean()) if len(labels) else _LEAST_PROBABILITY
    missing = _log_odds(np.array([labels[~proposed].mean() if (~proposed).any() else base]))[0]
    found, hits = scores[proposed].astype(np.float64), labels[proposed]
    if not len(found):
        return Calibration(np.zeros(1, np.float32), np.full(1, missing, np.float32), float(missing), 1.0)
    order = np.argsort(found, kind="stable")
    n_bins = max(1, min(_MAX_BINS, len(found) // _MIN_PER_BIN))
    starts = np.linspace(0, len(found), n_bins + 1).astype(np.int64)[:-1]
    sizes = np.diff(np.r_[starts, len(found)])
    centres = np.add.reduceat(found[order], starts) / sizes
    rates = (np.add.reduceat(hits[order].astype(np.float64), starts) + 0.5 * base) / (sizes + 0.5)
    rising = isotonic_regression(rates, weights=sizes.astype(np.float64)).x
    centres, first = np.unique(centres, return_index=True)
    kept = _knots(len(centres), knots)
    return Calibration(
        scores=centres[kept].astype(np.float32),
        log_odds=_log_odds(rising[first][kept]).astype(np.float32),
        missing=float(missing),
        weight=1.0,
    )


def _knots(n: int, knots: int) -> np.ndarray:
    """Choose knots evenly over the bins, and closer together at the top, where lists are decided."""
    even = np.linspace(0, n - 1, max(2, knots - 8))
    top = n - 1 - np.array([1, 2, 3, 4, 6, 8, 12, 16])
    return np.unique(np.round(np.r_[even, top[top >= 0]]).astype(np.int64))


def _log_odds(probability: Float64) -> Float64:
    clipped = np.clip(probability, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    odds: Float64 = np.log(clipped / (1 - clipped))
    return odds
