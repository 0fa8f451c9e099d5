"""Candidates: the rows that the sources propose, with each source's score; found inside the mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import NO_ROWS, NO_SCORES, Float32, Int32, Int64, Mask
from models.context import Context
from models.placement import Placement, source_of
from models.sources.base import Source
from models.views import seen


@dataclass(frozen=True)
class Candidates:
    """The union of what the sources propose; c candidates of s sources."""

    rows: Int32
    """Shape (c,), distinct."""
    scores: Float32
    """Shape (c, s): each source's own score of each row; NaN where that source has nothing to say."""
    proposed: Mask
    """Shape (c, s): whether that source proposed the row, or only had a score for it when asked."""
    sources: tuple[str, ...]
    """Shape (s,): names, by column: sources, or `source@view`."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def silent(self) -> tuple[str, ...]:
        """Name the sources that proposed nothing."""
        heard = np.logical_or.reduce(self.proposed, axis=0).tolist()
        return tuple(name for name, is_heard in zip(self.sources, heard, strict=True) if not is_heard)

    @classmethod
    def joined(cls, requests: Sequence["Candidates"]) -> "Candidates":
        """Lay the candidates of several requests, asked of the same sources, one after another."""
        return cls(
            np.concatenate([one.rows for one in requests]),
            np.concatenate([one.scores for one in requests]),
            np.concatenate([one.proposed for one in requests]),
            requests[0].sources,
        )

    def of_source(self, name: str) -> "Candidates":
        """Return only what one source proposed."""
        column = self.sources.index(name)
        own = self.where(self.proposed[:, column])
        here = slice(column, column + 1)
        return Candidates(own.rows, own.scores[:, here], own.proposed[:, here], (name,))

    def without(self, gone: Mask) -> "Candidates":
        """Return them as if some columns, marked in shape (s,), had not been asked."""
        proposed, scores = self.proposed & ~gone, np.where(gone, np.float32(np.nan), self.scores)
        kept = np.logical_or.reduce(proposed, axis=1)
        return Candidates(self.rows, scores, proposed, self.sources).where(kept)

    def column(self, name: str) -> Float32:
        """Return one source's scores, shape (c,)."""
        return self.scores[:, self.sources.index(name)]

    def where(self, keep: Mask | Int64) -> "Candidates":
        """Return the candidates that `keep` marks, shape (c,), or names by their places."""
        return Candidates(self.rows[keep], self.scores[keep], self.proposed[keep], self.sources)


def gather(context: Context, sources: Mapping[str, Source], placement: Placement, mask: Mask) -> Candidates:
    """Ask each source of the placement for its quota inside the mask, and then for a score of all that was proposed.

    mask: shape (n,). A source that the bundle lacks proposes nothing.
    """
    names = tuple(name for name in placement.sources if source_of(name) in sources)
    answers = [sources[source_of(name)].ask(seen(context, name)) for name in names]
    proposals = [
        answer.propose(mask, placement.sources[name]) if placement.sources[name] else (NO_ROWS, NO_SCORES)
        for answer, name in zip(answers, names, strict=True)
    ]
    # Beside the proposals an empty one, because there may be no source at all.
    found_rows, found_scores = (
        np.concatenate(columns) for columns in zip((NO_ROWS, NO_SCORES), *proposals, strict=True)
    )
    rows, place = _distinct(found_rows, len(mask))
    # Turned over in the end: each source's column then lies in one piece.
    scores = np.empty((len(names), len(rows)), dtype=np.float32)
    for line, answer in zip(scores, answers, strict=True):
        line[:] = answer.score(rows)
    proposed = np.zeros(scores.shape, dtype=np.bool_)
    at = np.repeat(np.arange(len(names)) * len(rows), [len(found) for found, _ in proposals]) + place
    proposed.ravel()[at] = True
    # A product of the same two vectors is rounded one way or another depending on its neighbours: what was proposed
    # keeps the score that it was chosen by, so that a source's own list does not depend on who else was asked.
    scores.ravel()[at] = found_scores
    return Candidates(rows, scores.T, proposed.T, names)


def _distinct(rows: Int32, n: int) -> tuple[Int32, Int64]:
    """Return the distinct rows and each row's place among them, without sorting: rows are below n."""
    numbers = np.arange(len(rows), dtype=np.int32)
    last_at = np.empty(n, dtype=np.int32)
    last_at[rows] = numbers
    last = last_at[rows]
    is_last = last == numbers
    return rows[is_last], (np.cumsum(is_last) - 1)[last]
