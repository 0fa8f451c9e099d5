"""One model against another on the same questions: by how much, whether by chance, and who gained and who lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.arrays import Float64, Mask
from training.evaluate.intervals import Comparison, PerUser, compare
from training.evaluate.metrics import judge, measure
from training.evaluate.overlap import rank_biased_overlap, shared
from training.evaluate.table import Judgement, segments

_SAME = 1e-12
"""Figures that differ by less are the same sum in another order."""


@dataclass(frozen=True)
class Contrast:
    """One metric on one task for one segment of the shoppers; a shopper with several lists counts with their mean."""

    task: str
    segment: str
    metric: str
    n_shoppers: int
    one: float
    """Mean over the lists of the one model."""
    other: float
    comparison: Comparison
    """Of the one less the other, paired by shopper."""
    gained: float
    """Share of the shoppers whom the one model serves better."""
    lost: float
    """Share of the shoppers whom it serves worse."""
    mean_gain: float
    """Of those who gained; 0 if nobody did."""
    mean_loss: float
    """Of those who lost, as a positive number; 0 if nobody did."""


@dataclass(frozen=True)
class Overlap:
    """How much the lists of two models have in common, on one task."""

    task: str
    shared: float
    """Mean share of the places of a list."""
    rank_biased: float
    """Mean rank-biased overlap: the top of a list counts more."""
    same: float
    """Share of the questions that both answer with the same list."""


def contrasts(judgement: Judgement, metrics: tuple[str, ...], one: str, other: str, seed: int) -> list[Contrast]:
    """Test the lists of two models of a judgement on every metric and segment."""
    figures = [measure(judge(judgement.lists[name], judgement.targets), metrics) for name in (one, other)]
    found = []
    for segment, kept in segments(judgement.n_known).items():
        if kept.any():
            found += _of_segment(judgement, metrics, segment, (figures[0][kept], figures[1][kept], kept), seed)
    return found


def overlap(judgement: Judgement, one: str, other: str) -> Overlap:
    """Hold the lists of two models side by side."""
    ours, theirs = judgement.lists[one], judgement.lists[other]
    return Overlap(
        task=judgement.task,
        shared=float(shared(ours, theirs).mean()),
        rank_biased=float(rank_biased_overlap(ours, theirs).mean()),
        same=float((ours == theirs).all(axis=1).mean()),
    )


def _of_segment(
    judgement: Judgement,
    metrics: Sequence[str],
    segment: str,
    measured: tuple[Float64, Float64, Mask],
    seed: int,
) -> list[Contrast]:
    """measured: the figures of both models, each (q, m) for the q questions that the mask keeps."""
    ours, theirs, kept = measured
    one, other = (PerUser.of(figures, judgement.shoppers[kept]) for figures in (ours, theirs))
    by_shopper = (one.sums - other.sums) / one.n_lists[:, None]
    return [
        Contrast(
            task=judgement.task,
            segment=segment,
            metric=metric,
            n_shoppers=len(by_shopper),
            one=float(one.means()[place]),
            other=float(other.means()[place]),
            comparison=comparison,
            **_moved(by_shopper[:, place]),
        )
        for place, (metric, comparison) in enumerate(zip(metrics, compare(one, other, seed), strict=True))
    ]


def _moved(differences: Float64) -> dict[str, float]:
    """Return who gained and who lost, by the differences of all shoppers, shape (u,)."""
    gains, losses = differences[differences > _SAME], -differences[differences < -_SAME]
    return {
        "gained": len(gains) / len(differences),
        "lost": len(losses) / len(differences),
        "mean_gain": float(gains.mean()) if len(gains) else 0.0,
        "mean_loss": float(losses.mean()) if len(losses) else 0.0,
    }
