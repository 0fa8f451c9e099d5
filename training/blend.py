"""Fit the blend of one task: calibrate every source, then weigh them; apart for what was bought before and what not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Float32, Int32, Mask
from models.candidates import Candidates
from models.placement import Task
from models.rank import Blend, LogisticSum
from training.calibrate import calibrate
from training.config import BlendSettings
from training.softmax import fit_scale, fit_softmax, hardest

_RELIABILITY_BINS = 10
_FIRST_LOOK = 4
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
    n_candidates: int
    n_right: int
    calibration_error: float | None
    """Expected calibration error, unit: probability, of the same recipe one horizon earlier on the candidates that this
    one was fitted on: days that it had not seen. None if there was no earlier one."""


def fit_blend(
    examples: LabelledCandidates, task: Task, settings: BlendSettings, earlier: Blend | None = None
) -> FittedBlend:
    """Fit on all requests; `earlier`, fitted one horizon before, is what reliability is measured of."""
    before, fresh = examples.where(examples.bought), examples.where(~examples.bought)
    names = examples.candidates.sources
    chosen = [name for name in names if name in settings.bought_sources.get(task, names)]
    blend = Blend(bought=_fit_sum(before, chosen or names, settings), fresh=_fit_sum(fresh, names, settings))
    error = None
    if earlier is not None:
        error = calibration_error(earlier.weigh_marked(examples.bought, examples.candidates).scores, examples.labels)
    return FittedBlend(
        blend=blend,
        n_candidates=len(examples.labels),
        n_right=int(examples.labels.sum()),
        calibration_error=error,
    )


def calibration_error(probabilities: Float32, labels: Mask) -> float:
    """Return the mean distance of predicted from observed rate, over ten bins of equal count, weighted by size."""
    if not len(labels):
        return 0.0
    bins = np.array_split(np.argsort(probabilities, kind="stable"), _RELIABILITY_BINS)
    gaps = [abs(float(probabilities[b].mean() - labels[b].mean())) * len(b) for b in bins if len(b)]
    return sum(gaps) / len(labels)


def _fit_sum(examples: LabelledCandidates, names: Sequence[str], settings: BlendSettings) -> LogisticSum:
    """Calibrate, weigh, weigh again on each request's best: what decides a list is the order at its top."""
    if not examples.labels.any():
        return LogisticSum(_IMPROBABLE_LOG_ODDS, {})
    # The first weights only choose what is looked at again: a part of the requests suffices for them.
    drawn = examples.where(examples.requests % _FIRST_LOOK == 0)
    curves = {name: calibrate(examples.candidates.column(name), examples.labels) for name in names}
    calibrated = LogisticSum(0.0, curves)
    first = fit_softmax(calibrated.shares(drawn.candidates), drawn.labels, drawn.requests, settings.l2)
    shares = calibrated.shares(examples.candidates)
    top = hardest(shares @ first.astype(np.float32), examples.requests, settings.hardest)
    weights = fit_softmax(shares[top], examples.labels[top], examples.requests[top], settings.l2)
    slope, bias = fit_scale(shares @ weights.astype(np.float32), examples.labels)
    weight_of = dict(zip(examples.candidates.sources, weights.tolist(), strict=True))
    return LogisticSum(bias, {name: replace(curve, weight=slope * weight_of[name]) for name, curve in curves.items()})
