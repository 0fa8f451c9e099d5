"""The one path from a context to ranked items. Serving, evaluation and batch export all call `recommend`."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from models.arrays import NO_ROWS, Float32, Int32, Int64, Mask
from models.candidates import Candidates, gather
from models.context import Context
from models.placement import Placement
from models.rank import OwnScore, Weighed
from models.ready import Ranked
from models.rules import Listed, choose, choose_enough, eligible, limits_of
from models.snapshot import Snapshot
from models.topk import best_first

RANKED_AHEAD = 160
"""Rows of a shopper's ranking that are kept for the next question; a list longer than half of them is ranked anew."""

MOST_EXCLUDED = 36
"""Three pages of a list. Who excludes more is answered by sources that searched without them, and find others."""

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
    anchored: Mask | None = None
    """Shape (m,): whether what the page is about is the reason; None where the reasons are still to be found."""
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
    # A bundle that cannot rank a placement says so, also where a ranking of an earlier question is at hand.
    snapshot.ranker_of(placement)
    mask = eligible(context, snapshot.catalogue, placement)
    ranked = None if explain else _ranked_before(context, snapshot, placement, ended)
    if ranked is not None and (answer := _listed(ranked, snapshot, placement, mask)) is not None:
        ended("rules")
        return answer
    candidates, weighed, best = _rank(context, snapshot, placement, mask, ended)
    listed = finish(candidates.rows[best], context, snapshot, placement, mask)
    scores = np.full(len(listed.rows), np.nan, dtype=np.float32)
    shares = np.zeros((len(listed.rows), len(candidates.sources)), dtype=np.float32)
    is_proposed = listed.places < len(best)
    places = best[listed.places[is_proposed]]
    scores[is_proposed], shares[is_proposed] = weighed.scores[places], weighed.shares[places]
    ended("rules")
    return Recommendation(
        rows=listed.rows,
        scores=scores,
        shares=shares,
        sources=candidates.sources,
        silent=candidates.silent,
        n_filled=int(np.count_nonzero(~is_proposed)),
        removed=listed.removed,
        by_source=_each_alone(candidates, context, snapshot, placement, mask) if explain else {},
    )


def _ranked_before(
    context: Context, snapshot: Snapshot, placement: Placement, ended: Callable[[str], None]
) -> Ranked | None:
    """Return a ranking that does not depend on what the caller excludes; None where the question needs its own.

    The page of one product was ranked by training. What one shopper sees is ranked once for all questions that share
    the shopper's interactions: a next page of the list excludes what was shown, and finds the rest here.
    """
    if len(context.anchors):
        ready = snapshot.ready.get(placement.name)
        return None if ready is None else ready.of(context, snapshot.catalogue, placement)
    is_plain = not context.category and context.window_days is None
    if not is_plain or len(context.excluded) > MOST_EXCLUDED or 2 * placement.n > RANKED_AHEAD:
        return None
    return context.once(
        ("ranked", placement.question, snapshot.version), lambda: _rank_ahead(context, snapshot, placement, ended)
    )


def _rank(
    context: Context, snapshot: Snapshot, placement: Placement, mask: Mask, ended: Callable[[str], None]
) -> tuple[Candidates, Weighed, Int64]:
    """Return the candidates inside the mask, what the ranker thinks of them, and their places, best first."""
    candidates = gather(context, snapshot.sources, placement, mask)
    ended("candidates")
    weighed = snapshot.ranker_of(placement).weigh(context, candidates)
    best = best_first(weighed.scores, candidates.rows, len(candidates))
    ended("rank")
    return candidates, weighed, best


def _rank_ahead(context: Context, snapshot: Snapshot, placement: Placement, ended: Callable[[str], None]) -> Ranked:
    """Rank for a shopper as if nothing was excluded; the best RANKED_AHEAD."""
    mask = eligible(replace(context, excluded=NO_ROWS), snapshot.catalogue, placement)
    candidates, weighed, ranked = _rank(context, snapshot, placement, mask, ended)
    best = ranked[:RANKED_AHEAD]
    return Ranked(
        candidates.rows[best], weighed.scores[best], weighed.shares[best], candidates.sources, candidates.silent
    )


def _listed(ranked: Ranked, snapshot: Snapshot, placement: Placement, mask: Mask) -> Recommendation | None:
    """Return the list that rules make of a ranking inside the mask; None if it is too short for a whole one."""
    places = np.flatnonzero(mask[ranked.rows])
    listed = choose(ranked.rows[places], placement.n, limits_of(placement, snapshot.catalogue))
    if len(listed.rows) < placement.n:
        return None
    places = places[listed.places]
    return Recommendation(
        rows=listed.rows,
        scores=ranked.scores[places],
        shares=ranked.shares[places],
        sources=ranked.sources,
        silent=ranked.silent,
        removed=listed.removed,
        anchored=None if ranked.anchored is None else ranked.anchored[places],
    )


def finish(ranked: Int32, context: Context, snapshot: Snapshot, placement: Placement, mask: Mask) -> Listed:
    """Apply the rules to ranked rows and fill up; the places of what fills up are those after the ranking."""
    limits = limits_of(placement, snapshot.catalogue)
    listed = choose(ranked, placement.n, limits)
    if len(listed.rows) == placement.n:
        return listed
    everything = np.concatenate([ranked, _filler(ranked, context, snapshot, mask)])
    return choose_enough(everything, placement.n, limits)


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
        lists[name] = finish(ranked, context, snapshot, placement, mask).rows
    return lists
