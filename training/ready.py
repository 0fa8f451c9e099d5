"""The pages of single products, ranked once when all is learned: a request about one of them only applies the rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float32, Int32, Mask, UInt8
from models.candidates import gather
from models.context import Context
from models.facts import SHOPPERS
from models.placement import Placement, Task, source_of
from models.ready import NO_SOURCE, ReadyRankings
from models.reasons import reasons
from models.recommend import Recommendation
from models.snapshot import Snapshot
from models.topk import best_first
from training.fitting import FittedSources
from training.processes import spread

T = TypeVar("T", bound=np.generic)

TASK: Final[Task] = "similar"
"""What a list of this task shows depends on its product alone."""
KEPT: Final = 64
"""Rows of a ranking: what a list of a dozen needs beside what rules and stock leave out; who needs more, waits."""
MOST_PRODUCTS: Final = 8_000
"""Products whose pages are ranked ahead, where there are more; the others are ranked when somebody looks."""
PROCESSES: Final = 2
_CHUNK: Final = 256
_FILE_NAME: Final = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class _Asked:
    """What the processes share."""

    snapshot: Snapshot
    placement: Placement


def in_demand(sources: FittedSources) -> Int32:
    """Return the rows, shape (<= MOST_PRODUCTS,), ascending, whose pages are worth ranking ahead: what most took."""
    n_shoppers = sources.facts.numbers[: sources.data.n_warm, sources.facts.names.index(SHOPPERS)]
    return np.sort(np.argsort(-n_shoppers, kind="stable")[:MOST_PRODUCTS]).astype(np.int32)


def make_ready(snapshot: Snapshot, placements: Mapping[str, Placement], products: Int32) -> dict[str, ReadyRankings]:
    """Rank, for each placement about single products, what goes with each of some products.

    products: shape (p,), rows, ascending. Cost: a request each. Raises TrainingError if a process dies.
    """
    chunks = [products[start : start + _CHUNK] for start in range(0, len(products), _CHUNK)]
    found = {}
    for name, placement in placements.items():
        learned_all = snapshot.sources.keys() >= {source_of(column) for column in placement.sources}
        if placement.task != TASK or not learned_all or not chunks or not _FILE_NAME.fullmatch(name):
            continue
        with spread(_rank, _Asked(snapshot, placement), chunks, PROCESSES) as ranked:
            columns = [
                _spread_out(np.concatenate(column), products, empty)
                for column, empty in zip(zip(*ranked, strict=True), (-1, 0, NO_SOURCE, False), strict=True)
            ]
        found[name] = ReadyRankings(
            len(snapshot.catalogue), TASK, placement.ranked_by, dict(placement.sources), *columns
        )
    return found


def _spread_out(lines: NDArray[T], products: Int32, empty: int) -> NDArray[T]:
    """Return lines by row, shape (last product + 1, K); a row that is no product has `empty` throughout."""
    spread_out = np.full((int(products[-1]) + 1, lines.shape[1]), empty, dtype=lines.dtype)
    spread_out[products] = lines
    return spread_out


def _rank(shared: _Asked, anchors: Int32) -> tuple[Int32, Float32, UInt8, Mask]:
    snapshot, placement = shared.snapshot, shared.placement
    rows = np.full((len(anchors), KEPT), -1, dtype=np.int32)
    scores = np.zeros((len(anchors), KEPT), dtype=np.float32)
    leading = np.full((len(anchors), KEPT), NO_SOURCE, dtype=np.uint8)
    anchored = np.zeros((len(anchors), KEPT), dtype=np.bool_)
    ranker = snapshot.ranker_of(placement)
    for place, anchor in enumerate(anchors.tolist()):
        context = Context(snapshot.data_until_us, anchors=anchors[place : place + 1])
        candidates = gather(context, snapshot.sources, placement, _showable(snapshot, anchor))
        weighed = ranker.weigh(context, candidates)
        best = best_first(weighed.scores, candidates.rows, KEPT)
        here = (place, slice(len(best)))
        rows[here], scores[here] = candidates.rows[best], weighed.scores[best]
        shares = weighed.shares[best]
        leading[here] = np.where(shares.max(axis=1, initial=0) > 0, shares.argmax(axis=1), NO_SOURCE)
        listed = Recommendation(rows[here], scores[here], shares, candidates.sources)
        anchored[here] = [len(reason.because_of) > 0 for reason in reasons(context, snapshot, listed)]
    return rows, scores, leading, anchored


def _showable(snapshot: Snapshot, anchor: int) -> Mask:
    """Mark what may be beside a product whatever the stock: what is sold out today is back tomorrow."""
    mask = snapshot.catalogue.recommendable.copy()
    group = snapshot.catalogue.group_numbers[anchor]
    if group >= 0:
        mask &= snapshot.catalogue.group_numbers != group
    mask[anchor] = False
    return mask
