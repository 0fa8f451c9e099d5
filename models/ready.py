"""The page of one product, ranked before anybody asks: who shows it searches nothing and scores nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int32, Mask, UInt8
from models.catalogue import Catalogue
from models.context import Context
from models.placement import Placement, RankedBy, Task

NO_SOURCE = 255
"""Stands where no source adds to a score."""

READY_COLUMNS = ("rows", "scores", "leading", "anchored")
"""The arrays of ready rankings, as a bundle names them."""


@dataclass(frozen=True)
class Ranked:
    """A ranking before the rules; K rows of s sources."""

    rows: Int32
    """Shape (K,), best first."""
    scores: Float32
    """Shape (K,)."""
    shares: Float32
    """Shape (K, s): what each source adds to each score."""
    sources: tuple[str, ...]
    silent: tuple[str, ...] = ()
    """Those that proposed nothing."""
    anchored: Mask | None = None
    """Shape (K,): whether what the page is about carries the leading source's score; None where that was not asked."""


@dataclass(frozen=True)
class ReadyRankings:
    """Of each of the first m rows, what one placement ranks highest for it; no rule was applied."""

    n_items: int
    """Rows of the bundle; those that follow came later and are in none of these rankings."""
    task: Task
    ranked_by: RankedBy
    sources: Mapping[str, int]
    """What the placement asked when this was made; one that asks otherwise is not answered from it."""
    rows: Int32
    """Shape (m, K), best first; -1 where fewer than K were found."""
    scores: Float32
    """Shape (m, K): the ranker's."""
    leading: UInt8
    """Shape (m, K): which of `sources` adds most to the score; NO_SOURCE where none does."""
    anchored: Mask
    """Shape (m, K): whether the product carries that source's score, and so is the reason."""

    def __post_init__(self) -> None:
        """Raise ValueError where the four do not belong together."""
        shapes = [getattr(self, column).shape for column in READY_COLUMNS]
        if len({*shapes}) != 1 or self.rows.ndim != 2:  # noqa: PLR2004
            raise ValueError(f"rows, scores, leading and anchored are {', '.join(map(str, shapes))}")

    def of(self, context: Context, catalogue: Catalogue, placement: Placement) -> Ranked | None:
        """Return what is ranked for the question's anchor; of shares, only the leading one's, as 1.

        None when the question is another one: of several items or of one that is not here, of a category, of another
        placement, of a shopper who bought some of these, which the ranker weighs apart, or of an item in whose category
        there are items that came after the training.
        """
        anchors = context.anchors
        if len(anchors) != 1 or anchors[0] >= len(self.rows) or context.category:
            return None
        if (placement.task, placement.ranked_by, placement.sources) != (self.task, self.ranked_by, self.sources):
            return None
        categories = catalogue.category_numbers
        if (categories[self.n_items :] == categories[anchors[0]]).any():
            return None
        rows = self.rows[anchors[0]]
        n_found = np.count_nonzero(rows >= 0)
        here = (anchors[0], slice(n_found))
        rows, scores, leading = self.rows[here], self.scores[here], self.leading[here]
        if len(context.bought) and np.isin(rows, context.bought).any():
            return None
        shares = (leading[:, None] == np.arange(len(self.sources))).astype(np.float32)
        return Ranked(rows, scores, shares, tuple(self.sources), anchored=self.anchored[here])
