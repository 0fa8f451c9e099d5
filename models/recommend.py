"""The one path from a context to ranked items. Serving, evaluation and batch export all call `recommend`."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.arrays import Float32, Int32, Mask
from models.candidates import Candidates, gather
from models.context import Context
from models.placement import Placement
from models.rank import OwnScore
from models.rules import choose, choose_enough, eligible, limits_of
from models.snapshot import Snapshot
from models.topk import best_first

FILL_SOURCE = "popular"
"""What fills a list up when the sources propose too little, and the reply says so."""


@dataclass(frozen=True)
class Recommendation:
    """A ranked list and how it came about."""

    rows: Int32
    """Shape (m,), m <= n: fewer than asked only when fewer are eligible."""
    scores: Float32
    """Shape (m,): the ranker's; NaN for what fills up."""
    shares: Float32
    """Shape (m, s): what each source added to each score; 0 for what fills up."""
    sources: tuple[str, ...]
    """Shape (s,): the sources that were asked."""
    silent: tuple[str, ...] = ()
    """Those of them that proposed nothing."""
    n_filled: int = 0
    """How many of the rows fill up; `fallback` says with what."""
    removed: Counter[str] = field(default_factory=Counter)
    """How many better-ranked rows each rule held back."""
    by_source: Mapping[str, Int32] = field(default_factory=dict)
    """With `explain`: the list, shape (<= n,), that each source alone would have given."""

    @property
    def fallback(self) -> str | None:
        """Name what filled the list up; None when the sources sufficed."""
        return FILL_SOURCE if self.n_filled else None


def recommend(
    context: Context,
    snapshot: Snapshot,
    placement: Placement,
    *,
    explain: bool = False,
    ended: Callable[[str], None] = lambda _: None,
) -> Recommendation:
    """Answer one request: eligibility, candidates, rank, rules. Deterministic; ties are broken by a fixed scatter.

    explain: also work out the list that each source alone would have given.
    ended: hears of each stage when it has ended; the clock, if there is one, is the caller's.
    """
    mask = eligible(context, snapshot.catalogue, placement)
    if not explain and (ready := _from_ready(context, snapshot, placement, mask)) is not None:
        ended("rules")
        return ready
    candidates = gather(context, snapshot.sources, placement, mask)
    ended("candidates")
    ranker = snapshot.ranker_of(placement)
    weighed = ranker.weigh(context, candidates)
    best = best_first(weighed.scores, candidates.rows, len(candidates))
    ranked = candidates.rows[best]
    ended("rank")
    rows, n_filled, removed = finish(ranked, context, snapshot, placement, mask)
    scores = np.full(len(rows), np.nan, dtype=np.float32)
    shares = np.zeros((len(rows), len(candidates.sources)), dtype=np.float32)
    # What fills up is no candidate; any other row of the list is one candidate.
    proposed, places = np.divmod(np.flatnonzero(rows[:, None] == candidates.rows), max(len(candidates), 1))
    scores[proposed], shares[proposed] = weighed.scores[places], weighed.shares[places]
    ended("rules")
    return Recommendation(
        rows=rows,
        scores=scores,
        shares=shares,
        sources=candidates.sources,
        silent=candidates.silent,
        n_filled=n_filled,
        removed=removed,
        by_source=_each_alone(candidates, context, snapshot, placement, mask) if explain else {},
    )


def _from_ready(context: Context, snapshot: Snapshot, placement: Placement, mask: Mask) -> Recommendation | None:
    """Return a list of what training ranked; None where it ranked nothing for this question, or too little."""
    ready = snapshot.ready.get(placement.name)
    places = None if ready is None else ready.places(context, snapshot.catalogue, placement, mask)
    if ready is None or places is None:
        return None
    anchor = int(context.anchors[0])
    ranked = ready.rows[anchor][places]
    listed = choose(ranked, placement.n, limits_of(placement, snapshot.catalogue))
    if len(listed.rows) < placement.n:
        return None
    places = places[np.flatnonzero(listed.rows[:, None] == ranked) % len(ranked)]
    return Recommendation(
        rows=listed.rows,
        scores=ready.scores[anchor][places],
        shares=ready.shares(anchor, places),
        sources=tuple(ready.sources),
        removed=listed.removed,
    )


def finish(
    ranked: Int32, context: Context, snapshot: Snapshot, placement: Placement, mask: Mask
) -> tuple[Int32, int, Counter[str]]:
    """Apply the rules to ranked rows and fill up: return the list, how many fill up, and what each rule held back."""
    limits = limits_of(placement, snapshot.catalogue)
    listed = choose(ranked, placement.n, limits)
    if len(listed.rows) == placement.n:
        return listed.rows, 0, listed.removed
    everything = np.concatenate([ranked, _filler(ranked, context, snapshot, mask)])
    listed = choose_enough(everything, placement.n, limits)
    n_filled = int(np.count_nonzero(~np.isin(listed.rows, ranked)))
    return listed.rows, n_filled, listed.removed


def _filler(ranked: Int32, context: Context, snapshot: Snapshot, mask: Mask) -> Int32:
    """Return every eligible row that is not ranked: popular ones first, then the others in row order."""
    rest = mask.copy()
    rest[ranked] = False
    popular = np.zeros(0, dtype=np.int32)
    if FILL_SOURCE in snapshot.sources:
        popular, _ = snapshot.sources[FILL_SOURCE].ask(context).propose(rest, len(rest))
    rest[popular] = False
    return np.concatenate([popular, np.flatnonzero(rest).astype(np.int32)])


def _each_alone(
    candidates: Candidates, context: Context, snapshot: Snapshot, placement: Placement, mask: Mask
) -> dict[str, Int32]:
    """Return the list that a placement with one source alone would give, for each source."""
    lists = {}
    for name in candidates.sources:
        own = candidates.of_source(name)
        ranked = own.rows[best_first(OwnScore().weigh(context, own).scores, own.rows, len(own))]
        lists[name] = finish(ranked, context, snapshot, placement, mask)[0]
    return lists
