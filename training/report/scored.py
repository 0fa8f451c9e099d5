"""What is behind served lists: their probabilities, held against what was bought, and what each source adds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Float32, Float64, Int32, Int64, Mask
from models.placement import Placement
from models.recommend import recommend
from training.evaluate.asked import Question
from training.evaluate.intervals import Interval, PerUser, intervals
from training.evaluate.lists import Asking
from training.processes import spread

_BINS = 10
_CHUNK = 32


@dataclass(frozen=True)
class Bin:
    """Shown items of about one predicted probability."""

    n_items: int
    predicted: float
    """Mean probability."""
    observed: Interval
    """The share of them that was bought, with its interval over shoppers."""


@dataclass(frozen=True)
class Scored:
    """Served lists with what is behind them; q lists of at most k items."""

    rows: Int32
    """Shape (q, k); -1 where a list is short."""
    scores: Float32
    """Shape (q, k); NaN for what fills up."""
    adds: dict[str, float]
    """Source -> the mean of what it adds to a shown item's score."""

    def reliability(self, hits: Mask, shoppers: Int64, seed: int) -> tuple[Bin, ...]:
        """Return bins of equal count, the least probable items first; none unless the scores are probabilities.

        hits: shape (q, k). shoppers: shape (q,), the unit of resampling.
        """
        told = ~np.isnan(self.scores) & (self.rows >= 0)
        scores, right = self.scores[told].astype(np.float64), hits[told].astype(np.float64)
        if not len(scores) or scores.min() < 0 or scores.max() > 1:
            return ()
        users = np.broadcast_to(shoppers[:, None], told.shape)[told]
        order = np.argsort(scores, kind="stable")
        return tuple(_bin(scores[b], right[b], users[b], seed) for b in np.array_split(order, _BINS) if len(b))


def _bin(scores: Float64, right: Float64, users: Int64, seed: int) -> Bin:
    return Bin(len(scores), float(scores.mean()), intervals(PerUser.of(right[:, None], users), seed)[0])


def gap(bins: Sequence[Bin]) -> float | None:
    """Return the mean distance of predicted from observed rate, weighted by size; None without bins."""
    n_items = sum(one.n_items for one in bins)
    distances = (abs(one.predicted - one.observed.value) * one.n_items for one in bins)
    return sum(distances) / n_items if n_items else None


def unruled(placement: Placement) -> Placement:
    """Return a placement without display rules, as protocols measure it."""
    return replace(placement, one_per_title=False, one_per_group=False, max_per_category=None)


def scored(asking: Asking, questions: Sequence[Question], processes: int) -> Scored:
    """Ask for the lists of some questions once more, and keep what is behind them."""
    chunks = [questions[start : start + _CHUNK] for start in range(0, len(questions), _CHUNK)]
    with spread(_score, asking.prepared(), chunks, processes) as answers:
        found = list(answers)
    sources = found[0][2] if found else ()
    shares = np.concatenate([one[3] for one in found]) if found else np.zeros((0, 0), np.float32)
    means = shares.mean(axis=0, dtype=np.float64) if len(shares) else np.zeros(len(sources))
    return Scored(
        rows=np.concatenate([one[0] for one in found]) if found else np.zeros((0, asking.placement.n), np.int32),
        scores=np.concatenate([one[1] for one in found]) if found else np.zeros((0, asking.placement.n), np.float32),
        adds=dict(zip(sources, means.tolist(), strict=True)),
    )


def _score(asking: Asking, questions: Sequence[Question]) -> tuple[Int32, Float32, tuple[str, ...], Float32]:
    """Return rows and scores, shape (c, k), and the sources and what they add to each item that does not fill up."""
    placement = unruled(asking.placement)
    rows = np.full((len(questions), placement.n), -1, dtype=np.int32)
    scores = np.full(rows.shape, np.nan, dtype=np.float32)
    shares: list[Float32] = []
    sources: tuple[str, ...] = ()
    for place, question in enumerate(questions):
        answered = recommend(asking.context(question), asking.snapshot, placement)
        rows[place, : len(answered.rows)] = answered.rows
        scores[place, : len(answered.rows)] = answered.scores
        shares.append(answered.shares[~np.isnan(answered.scores)])
        sources = answered.sources
    return rows, scores, sources, np.concatenate(shares)
