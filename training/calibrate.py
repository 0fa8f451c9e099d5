"""One source's scores into log-odds: isotonic regression on the validation window, kept as a few knots."""

import numpy as np
from scipy.optimize import isotonic_regression

from models.arrays import Float32, Float64, Int64, Mask
from models.rank import Calibration

_LEAST_PER_BIN = 100
_BINS_PER_HALVING = 4
_LEAST_PROBABILITY = 1e-5
_MOST_BEYOND = 2.0
"""Log-odds that the curve may rise beyond its last block, up to the highest score seen."""


def calibrate(scores: Float32, labels: Mask) -> Calibration:
    """Fit the curve from score to log-odds of a positive label; weight 1.

    scores: shape (n,), NaN where the source has nothing to say. labels: shape (n,).
    Isotonic calibration after Zadrozny & Elkan (KDD 2002), with three departures that keep the top of a list apart,
    where plain isotonic regression ties: bins instead of single scores, smaller towards the top; one knot per block at
    its mean score, and straight lines between; and the last slope goes on to the highest score.
    """
    said = ~np.isnan(scores)
    base = float(labels.mean()) if len(labels) else _LEAST_PROBABILITY
    # In the curve's own precision, so that a curve that says nothing adds exactly nothing.
    missing = float(np.float32(_log_odds(np.array([labels[~said].mean() if not said.all() else base]))[0]))
    found, hits = scores[said].astype(np.float64), labels[said]
    if len(found) < 2 * _LEAST_PER_BIN:
        return Calibration(np.zeros(1, np.float32), np.full(1, missing, np.float32), missing, 1.0)
    order = np.argsort(found)
    found = found[order]
    # Equal scores fall into one bin: which of them come first says nothing of them.
    starts = np.unique(np.searchsorted(found, found[_bin_starts(len(found))]))
    sizes = np.diff(np.append(starts, len(found))).astype(np.float64)
    centres = np.add.reduceat(found, starts) / sizes
    # One pseudo-candidate of the base rate in each bin, so that no bin says 0 or 1.
    rates = (np.add.reduceat(hits[order].astype(np.float64), starts) + base) / (sizes + 1)
    blocks = isotonic_regression(rates, weights=sizes)
    first = blocks.blocks[:-1]
    block_sizes = np.add.reduceat(sizes, first)
    knots = np.add.reduceat(centres * sizes, first) / block_sizes
    odds = _log_odds(blocks.x[first])
    knots, odds = _extended(knots, odds, float(found[-1]))
    increasing = np.append(True, np.diff(knots.astype(np.float32)) > 0)
    return Calibration(knots[increasing].astype(np.float32), odds[increasing].astype(np.float32), missing, 1.0)


def _bin_starts(n: int) -> Int64:
    """Cut n sorted scores into bins: of what is left each takes 16 %, so that they shrink towards the top."""
    share = 1 - 0.5 ** (1 / _BINS_PER_HALVING)
    starts = [0]
    while n - starts[-1] > 2 * _LEAST_PER_BIN:
        starts.append(starts[-1] + max(int((n - starts[-1]) * share), _LEAST_PER_BIN))
    return np.array(starts, dtype=np.int64)


def _extended(knots: Float64, odds: Float64, highest: float) -> tuple[Float64, Float64]:
    """Let the last slope go on to the highest score."""
    if len(knots) == 1 or highest <= knots[-1] or knots[-1] <= knots[-2]:
        return knots, odds
    rise = (odds[-1] - odds[-2]) / (knots[-1] - knots[-2]) * (highest - knots[-1])
    return np.append(knots, highest), np.append(odds, odds[-1] + min(rise, _MOST_BEYOND))


def _log_odds(probability: Float64) -> Float64:
    clipped = np.clip(probability, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    odds: Float64 = np.log(clipped / (1 - clipped))
    return odds
