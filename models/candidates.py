"""Candidates: the rows that the sources propose, with each source's score; found inside the mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int32, Int64, Mask
from models.context import Context
from models.placement import Placement
from models.sources.base import Source


@dataclass(frozen=True)
class Candidates:
    """The union of what the sources propose; c candidates of s sources."""

    rows: Int32
    """Shape (c,), distinct."""
    scores: Float32
    """Shape (c, s): the source's own score; NaN where that source did not propose the row."""
    sources: tuple[str, ...]
    """Shape (s,): names, by column."""

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def joined(cls, requests: Sequence["Candidates"]) -> "Candidates":
        """Lay the candidates of several requests, asked of the same sources, one after another."""
        return cls(
            np.concatenate([one.rows for one in requests]),
            np.concatenate([one.scores for one in requests]),
            requests[0].sources,
        )

    def of_source(self, name: str) -> "Candidates":
        """Return only what one source proposed."""
        column = self.sources.index(name)
        proposed = ~np.isnan(self.scores[:, column])
        return Candidates(self.rows[proposed], self.scores[proposed, column : column + 1], (name,))


def gather(context: Context, sources: Mapping[str, Source], placement: Placement, mask: Mask) -> Candidates:
    """Ask each source of the placement for its quota inside the mask, and join the answers.

    mask: shape (n,). A source that the bundle lacks proposes nothing.
    """
    names = tuple(name for name in placement.sources if name in sources)
    proposed = [sources[name].propose(context, mask, placement.sources[name]) for name in names]
    if not proposed:
        return Candidates(np.zeros(0, np.int32), np.zeros((0, 0), np.float32), ())
    all_rows = np.concatenate([rows for rows, _ in proposed])
    rows, place = _distinct(all_rows, len(mask))
    scores = np.full((len(rows), len(names)), np.nan, dtype=np.float32)
    column = np.repeat(np.arange(len(names)), [len(found) for found, _ in proposed])
    scores[place, column] = np.concatenate([found for _, found in proposed])
    return Candidates(rows, scores, names)


def _distinct(rows: Int32, n: int) -> tuple[Int32, Int64]:
    """Return the distinct rows and each row's place among them, without sorting: rows are below n."""
    last_at = np.empty(n, dtype=np.int64)
    last_at[rows] = np.arange(len(rows))
    is_last = last_at[rows] == np.arange(len(rows))
    place_of = np.cumsum(is_last) - 1
    return rows[is_last], place_of[last_at[rows]]
