"""Conditional logistic regression: which of one request's candidates were right, whatever the request."""

import numpy as np
from scipy.optimize import minimize

from models.arrays import Float32, Float64, Int32, Int64, Mask


def fit_softmax(features: Float32, labels: Mask, requests: Int32, l2: float) -> Float64:
    """Return weights >= 0, shape (s,), that make right candidates likely among their own request's candidates.

    features: shape (n, s). labels: shape (n,). requests: shape (n,), equal ones side by side.
    The conditional logit of McFadden (1974), with several right answers as in ListNet's top-one loss (Cao et al., ICML
    2007): the mean over requests of -mean over right i of log softmax(features @ w)_i, plus l2 |w|^2; by L-BFGS-B.
    Differs: weights below 0 are not allowed, since a better score of a source would then lower the sum, and a shopper
    could not be told why. Without a right answer the weights are all 1.
    """
    starts = np.flatnonzero(np.diff(requests, prepend=-1))
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(requests))))
    n_right = np.add.reduceat(labels.astype(np.float32), starts)
    if not n_right.any():
        return np.ones(features.shape[1])
    counts = n_right > 0
    share = (labels / np.maximum(n_right, 1)[group]).astype(np.float32)
    n = int(counts.sum())

    def loss(weights: Float64) -> tuple[float, Float64]:
        sums = features @ weights.astype(np.float32)
        sums -= np.maximum.reduceat(sums, starts)[group]
        raised = np.exp(sums)
        totals = np.add.reduceat(raised, starts)
        value = -(share @ (sums - np.log(totals)[group])) / n + l2 * weights @ weights
        error = raised / totals[group] * counts[group] - share
        return float(value), (features.T @ error / n).astype(np.float64) + 2 * l2 * weights

    n_sources = features.shape[1]
    found = minimize(loss, np.full(n_sources, 0.3), jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_sources)
    weights: Float64 = found.x
    return weights


def fit_scale(sums: Float32, labels: Mask) -> tuple[float, float]:
    """Return (slope, bias) such that slope * sum + bias are log-odds of being right.

    Platt scaling (1999): a logistic regression on one feature. With labels of one kind only, the slope is 1.
    """
    if not labels.any() or labels.all():
        return 1.0, 0.0

    def loss(parameters: Float64) -> tuple[float, Float64]:
        log_odds = sums * parameters[0] + parameters[1]
        probabilities = np.exp(-np.logaddexp(0.0, -log_odds))
        value = np.logaddexp(0.0, log_odds).mean() - log_odds[labels].sum() / len(sums)
        error = (probabilities - labels) / len(sums)
        return float(value), np.array([error @ sums, error.sum()], dtype=np.float64)

    base = float(labels.mean())
    start = np.array([1.0, np.log(base / (1 - base)) - float(sums.mean())])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def hardest(sums: Float32, requests: Int32, k: int) -> Int64:
    """Return positions, ascending, of each request's k candidates with the highest sums."""
    order = np.lexsort((-sums, requests))
    starts = np.flatnonzero(np.diff(requests[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return np.sort(order[place < k])
