"""What a ranker looks at: named columns about candidates, computed by one piece of code for training and serving.

Columns of a kind lie side by side, and no loop goes over candidates. NaN: nothing is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from models.arrays import DAY_US, Float32, Int32
from models.candidates import Candidates
from models.context import Context, Interactions
from models.facts import GAP, PRICE, Facts
from models.history import NEVER_US, Summary
from models.topk import places_by_size
from models.views import steps_back

_OWN = (
    "own events",
    "own weight",
    "own purchases",
    "own days since",
    "own days since purchase",
    "own gaps since purchase",
    "own steps back",
)
_SHOPPER = ("shopper items", "shopper purchases", "shopper days since", "shopper usual price")
_RECENT_PER_STEP = np.float32(0.5)
_NONE = np.float32(np.nan)


@dataclass(frozen=True)
class Features:
    """How the features of one task are computed."""

    columns: tuple[str, ...]
    """Columns of candidates that the ranker knows; one that a placement does not ask is NaN."""
    facts: Facts
    of_shopper: bool = True
    """False for a task that is learned from pages alone: then nothing of a shopper is looked at, whoever asks."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name the features, in order."""
        groups = self.facts.group_names
        return (
            *(f"score of {column}" for column in self.columns),
            *(f"rank in {column}" for column in self.columns),
            "blend",
            "rank in blend",
            "proposed by",
            *self.facts.names,
            *_OWN,
            *(f"share of {group}" for group in groups),
            *(f"recent share of {group}" for group in groups),
            *(f"asked about {group}" for group in groups),
            "price to usual",
            "price to asked about",
            *_SHOPPER,
            "asked about",
        )

    def of(self, context: Context, candidates: Candidates, log_odds: Float32) -> Float32:
        """Return the features of candidates, shape (c, f). log_odds: shape (c,), what the blend says of them."""
        if not self.of_shopper:
            context = replace(context, shopper=Interactions())
        scores = _aligned(candidates, self.columns)
        numbers, groups = self.facts.numbers_of(candidates.rows), self.facts.groups_of(candidates.rows)
        prices, gaps = numbers[:, self.facts.names.index(PRICE)], numbers[:, self.facts.names.index(GAP)]
        shopper = context.once(("features of the shopper", self.facts), lambda: _shopper(context, self.facts))
        asked = _asked_about(context, self.facts)
        about = np.concatenate([shopper.summary, [np.float32(len(context.anchors))]])
        blocks: Sequence[Float32] = (
            scores,
            _ranks(scores),
            log_odds[:, None],
            _ranks(log_odds[:, None]),
            candidates.proposed.sum(axis=1, dtype=np.float32)[:, None],
            numbers,
            _own(context, candidates.rows, gaps),
            shopper.shares.take(groups + 1),
            shopper.recent_shares.take(groups + 1),
            asked.shares.take(groups + 1),
            (prices - shopper.usual_price)[:, None],
            (prices - asked.usual_price)[:, None],
            np.broadcast_to(about, (len(scores), len(about))),
        )
        return np.concatenate(blocks, axis=1, dtype=np.float32)


@dataclass(frozen=True)
class _Taste:
    """What items are liked, or asked about, as a whole."""

    shares: Float32
    """Shape (groups + 1,): how much of the weight belongs to each group; the first place stands for no group."""
    recent_shares: Float32
    usual_price: np.float32
    """Mean of the logarithms."""
    summary: Float32
    """Shape (4,): see _SHOPPER."""


def _shopper(context: Context, facts: Facts) -> _Taste:
    own = context.interactions
    recent = np.where(own.decayed > 0, _RECENT_PER_STEP ** steps_back(own), np.float32(0))
    prices = facts.numbers_of(own.items)[:, facts.names.index(PRICE)]
    usual_price = _mean(prices, own.decayed)
    days_since = (context.now_us - own.last_us.max(initial=NEVER_US)) / DAY_US if len(own) else _NONE
    summary = [np.log1p(len(own)), np.log1p(own.purchases.sum()), np.log1p(max(days_since, 0)), usual_price]
    return _Taste(
        shares=_shares(facts, own.items, own.decayed),
        recent_shares=_shares(facts, own.items, recent),
        usual_price=usual_price,
        summary=np.array(summary, dtype=np.float32),
    )


def _asked_about(context: Context, facts: Facts) -> _Taste:
    weights = np.ones(len(context.anchors), dtype=np.float32)
    shares = _shares(facts, context.anchors, weights)
    prices = facts.numbers_of(context.anchors)[:, facts.names.index(PRICE)]
    return _Taste(shares, shares, _mean(prices, weights), np.zeros(0, dtype=np.float32))


def _shares(facts: Facts, rows: Int32, weights: Float32) -> Float32:
    """Return which part of the weight each group has, shape (groups + 1,); NaN where there is no weight."""
    total = weights.sum()
    if not total > 0:
        return np.full(facts.n_groups + 1, _NONE)
    numbers = facts.groups_of(rows)
    spread = np.broadcast_to(weights[:, None], numbers.shape)
    shares: Float32 = np.bincount(
        (numbers + 1).ravel(), weights=spread.ravel() / total, minlength=facts.n_groups + 1
    ).astype(np.float32)
    shares[0] = _NONE
    return shares


def _mean(values: Float32, weights: Float32) -> np.float32:
    known = ~np.isnan(values) & (weights > 0)
    return np.float32(np.average(values[known], weights=weights[known])) if known.any() else _NONE


def _aligned(candidates: Candidates, columns: Sequence[str]) -> Float32:
    """Return the scores of the columns that a ranker knows, shape (c, s); NaN for those that were not asked."""
    if candidates.sources == tuple(columns):
        return candidates.scores
    aligned = np.full((len(candidates), len(columns)), _NONE)
    for place, column in enumerate(columns):
        if column in candidates.sources:
            aligned[:, place] = candidates.column(column)
    return aligned


def _ranks(scores: Float32) -> Float32:
    """Return log(1 + rank) of each score, shape (c, s), among those of its column, the best 0; NaN stays NaN."""
    missing = np.isnan(scores.T)
    lines = np.where(missing, np.float32(-np.inf), scores.T)
    ranks = np.empty(lines.shape, dtype=np.float32)
    np.put_along_axis(ranks, places_by_size(lines), _log_ranks(lines.shape[1]), axis=1)
    ranks[missing] = _NONE
    return ranks.T


@cache
def _log_ranks(n: int) -> Float32:
    return np.log1p(np.arange(n, dtype=np.float32))[None, :]


def _own(context: Context, rows: Int32, usual_gap_days: Float32) -> Float32:
    """Return what the shopper did with each candidate itself, shape (c, 7); NaN for most, where that is nothing."""
    own = context.interactions
    table = context.once("features of own items", lambda: _own_table(own, context.now_us))
    if not len(own):
        return np.full((len(rows), len(_OWN)), _NONE)
    place_of = np.full(max(rows.max(initial=-1), own.items.max()) + 1, len(own), dtype=np.int32)
    place_of[own.items] = np.arange(len(own), dtype=np.int32)
    found: Float32 = table.take(place_of[rows], axis=0)
    found[:, 5] = np.log1p(np.expm1(found[:, 4]) / np.where(np.isnan(found[:, 5]), usual_gap_days, found[:, 5]))
    return found


def _own_table(own: Summary, now_us: int) -> Float32:
    """Return the shopper's own items as columns of _OWN, shape (m + 1, 7); the last row stands for any other item.

    In place of the gaps since the last purchase stand the days of a usual gap, NaN where it was bought once.
    """
    table = np.full((len(own) + 1, len(_OWN)), _NONE, dtype=np.float32)
    since = np.maximum(now_us - own.last_us, 0) / DAY_US
    bought = own.purchases > 0
    table[:-1, 0] = np.log1p(own.counts)
    table[:-1, 1] = own.decayed
    table[:-1, 2] = np.log1p(own.purchases)
    table[:-1, 3] = np.log1p(since)
    table[:-1, 4][bought] = np.log1p(np.maximum(now_us - own.last_purchase_us[bought], 0) / DAY_US)
    again = own.purchases > 1
    span_days = (own.last_purchase_us[again] - own.first_purchase_us[again]) / DAY_US
    table[:-1, 5][again] = np.maximum(span_days / (own.purchases[again] - 1), 1 / 24)
    table[:-1, 6] = np.log1p(steps_back(own))
    return table
