"""The few kinds of answers that sources give."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import NO_ROWS, NO_SCORES, Float32, Int32, Mask
from models.index import Index
from models.ordered import OrderedRows
from models.sources.base import Answer
from models.topk import best_first, top_rows


@dataclass(frozen=True)
class Silence:
    """Nothing to say."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        del mask, k
        return NO_ROWS, NO_SCORES

    def score(self, rows: Int32) -> Float32:
        return np.full(len(rows), np.nan, dtype=np.float32)


@dataclass(frozen=True)
class Dense:
    """A score for every row covered."""

    scores: Float32
    """Shape (L,)."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        rows = top_rows(self.scores, mask[: len(self.scores)], k)
        return rows, self.scores[rows]

    def score(self, rows: Int32) -> Float32:
        return scores_of_covered(rows, len(self.scores), self.scores.take)


@dataclass(frozen=True)
class Sums:
    """Sums that only some rows received; the others are covered with 0, and never proposed."""

    sums: Float32
    """Shape (L + 1,), >= 0; the last is NaN, for all rows beyond."""
    reached: Int32 | None = None
    """Shape (m,), distinct: the rows whose sums are above 0, where that is known."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        if self.reached is None:
            rows = top_rows(self.sums[:-1], mask[: len(self.sums) - 1], k, above=0.0)
            return rows, self.sums[rows]
        rows = self.reached[mask[self.reached]]
        scores = self.sums[rows]
        best = best_first(scores, rows, k)
        return rows[best], scores[best]

    def score(self, rows: Int32) -> Float32:
        return self.sums.take(rows, mode="clip")


@dataclass(frozen=True)
class Few:
    """A score for a few rows; nothing to say of the others."""

    rows: Int32
    """Shape (m,), distinct."""
    scores: Float32
    """Shape (m,)."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        passing = np.flatnonzero(mask[self.rows])
        best = passing[best_first(self.scores[passing], self.rows[passing], k)]
        return self.rows[best], self.scores[best]

    def score(self, rows: Int32) -> Float32:
        return scores_by_row(self.rows, self.scores).take(rows, mode="clip")


@dataclass(frozen=True)
class Nearest:
    """Inner products with one vector."""

    index: Index
    query: Float32
    """Shape (d,)."""
    above: float = -np.inf
    """Only higher products are proposed."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        rows, products = self.index.search(self.query, mask[: len(self.index)], k)
        near = products > self.above
        return rows[near], products[near]

    def score(self, rows: Int32) -> Float32:
        return scores_of_covered(rows, len(self.index), self._of)

    def _of(self, rows: Int32) -> Float32:
        return self.index.vectors.take(rows, axis=0) @ self.query


@dataclass(frozen=True)
class Cosines:
    """Cosines to one direction; only those above 0 are proposed."""

    index: Index
    inverse_lengths: Float32
    """Shape (L,): 1 / length of the index's vectors; 0 where that is 0."""
    direction: Float32
    """Shape (d,)."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        cosines = (self.index.vectors @ self.direction) * self.inverse_lengths
        rows = top_rows(cosines, mask[: len(cosines)], k, above=0.0)
        return rows, cosines[rows]

    def score(self, rows: Int32) -> Float32:
        return scores_of_covered(rows, len(self.index), self._of)

    def _of(self, rows: Int32) -> Float32:
        cosines: Float32 = (self.index.vectors.take(rows, axis=0) @ self.direction) * self.inverse_lengths[rows]
        return cosines


@dataclass(frozen=True)
class AndNewer:
    """An answer of the first rows, and the scores of a few that follow them."""

    answer: Answer
    known: int
    """How many rows the answer covers."""
    newer: Float32
    """Shape (m,): the scores of the m rows that follow; only those above 0 are proposed."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        rows, scores = self.answer.propose(mask, k)
        near = np.flatnonzero(mask[self.known : self.known + len(self.newer)] & (self.newer > 0))
        rows, scores = np.concatenate([rows, self.known + near]), np.concatenate([scores, self.newer[near]])
        best = best_first(scores, rows, k)
        return rows[best].astype(np.int32), scores[best]

    def score(self, rows: Int32) -> Float32:
        found, places = self.answer.score(rows), rows - self.known
        follow = (places >= 0) & (places < len(self.newer))
        found[follow] = self.newer[places[follow]]
        return found


@dataclass(frozen=True)
class Among:
    """An answer about places in a list of rows; nothing to say of the rows that are not in it."""

    rows: Int32
    """Shape (m,), ascending: the row of each place."""
    answer: Answer

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        places, scores = self.answer.propose(mask[self.rows], k)
        return self.rows[places], scores

    def score(self, rows: Int32) -> Float32:
        found = np.full(len(rows), np.nan, dtype=np.float32)
        places = np.searchsorted(self.rows, rows)
        listed = np.append(self.rows, np.int32(-1))[places] == rows
        found[listed] = self.answer.score(places[listed].astype(np.int32))
        return found


@dataclass(frozen=True)
class Shared:
    """The same order for everybody."""

    ordered: OrderedRows
    by_row: Float32
    """Shape (L + 1,): the same scores in row order; NaN for rows that the order does not have, and as the last."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        return self.ordered.first(mask, k)

    def score(self, rows: Int32) -> Float32:
        return self.by_row.take(rows, mode="clip")


def scores_of_covered(rows: Int32, n_rows: int, score: Callable[[Int32], Float32]) -> Float32:
    """Return what `score` says of the rows below n_rows, shape (m,), and NaN for those beyond."""
    covered = rows < n_rows
    if covered.all():
        return score(rows)
    found = np.full(len(rows), np.nan, dtype=np.float32)
    found[covered] = score(rows[covered])
    return found


def scores_by_row(rows: Int32, scores: Float32) -> Float32:
    """Return scores in row order, shape (L + 1,); NaN for rows that are not there, and as the last.

    rows, scores: shape (m,). Looked up with `take(..., mode="clip")`, rows beyond find the last.
    """
    by_row = np.full(int(rows.max(initial=-1)) + 2, np.nan, dtype=np.float32)
    by_row[rows] = scores
    return by_row
