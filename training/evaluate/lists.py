"""Ask `recommend` many questions, and its rivals the same ones: ranked rows by model, spread over processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.arrays import DAY_US, Int32, Int64, Mask
from models.context import Context, build_context
from models.learned import LearnedRanker
from models.ordered import OrderedRows
from models.placement import Placement, source_of
from models.recommend import recommend
from models.rules import eligible
from models.snapshot import Snapshot
from models.vocabulary import Vocabulary
from training.data import TrainingData
from training.evaluate.asked import Histories, Question
from training.evaluate.exposure import Demand
from training.processes import spread

ENDCAP = "endcap"
RULED = "endcap (display rules)"
BLENDED = "endcap (blend alone)"
"""Only where a learned ranker serves."""
POPULAR_EVER = "popular all time"
POPULAR_LATELY = "popular recent"
LATELY_DAYS = 28
_CHUNK = 32
"""Questions a process takes at a time: small enough for a smooth progress bar."""

Lists = dict[str, Int32]
"""By model: shape (q, k), item rows, best first, -1 where a list is short."""


@dataclass(frozen=True)
class Rival:
    """Another recipe's snapshot, fitted on the same shop before the same cutoff: asked the same questions."""

    snapshot: Snapshot
    past: TrainingData


@dataclass(frozen=True)
class Asking:
    """All that the lists of one task are made from. A process gets it by fork: nothing is copied."""

    snapshot: Snapshot
    past: TrainingData
    placement: Placement
    """As served, with the n and the `known` of the task."""
    histories: Histories
    """Of those who ask."""
    models: tuple[str, ...] | None = None
    """Which rows are wanted: a name, or the first word of several; None = all."""

    def wants(self, model: str) -> bool:
        """Whether this model's lists are asked for."""
        return self.models is None or any(model == name or model.startswith(f"{name} ") for name in self.models)

    def context(self, question: Question) -> Context:
        """Return the question in rows; the history is cut at the cutoff, as a past that training wrote."""
        context = build_context(
            self.snapshot.vocabulary,
            self.past.memory,
            now_us=self.past.until_us,
            history=self.histories.history(question.owner),
            anchor_ids=question.anchors,
        )
        own = context.interactions.items
        if question.only_fresh:
            return replace(context, excluded=own)
        return replace(context, excluded=np.setdiff1d(self._unheard, own)) if len(self._unheard) else context

    def answer(self, question: Question) -> dict[str, Int32]:
        """Return every wanted model's list, shape (<= n,)."""
        context = self.context(question)
        lists: dict[str, Int32] = {}
        if self.wants(ENDCAP) or self._explained:
            answered = recommend(context, self.snapshot, self._unruled, explain=bool(self._explained))
            lists[ENDCAP] = answered.rows
            lists |= {name: answered.by_source[name] for name in self._explained}
        if self.wants(RULED):
            lists[RULED] = recommend(context, self.snapshot, self.placement).rows
        if self._is_learned and self.wants(BLENDED):
            lists[BLENDED] = recommend(context, self.snapshot, replace(self._unruled, ranked_by="blend")).rows
        for name, alone in self._alone.items():
            lists[name] = recommend(context, self.snapshot, alone).rows
        mask = eligible(context, self.snapshot.catalogue, self._unruled)
        for name, ordered in self._popular.items():
            lists[name] = ordered.first(mask, self.placement.n)[0]
        return {name: rows for name, rows in lists.items() if self.wants(name)}

    @cached_property
    def _unheard(self) -> Int32:
        rows = self.snapshot.vocabulary.rows(self.histories.unheard)
        return rows[rows >= 0]

    @cached_property
    def demand(self) -> Demand:
        """What the lists could show."""
        known = np.ones(len(self.past.summary), dtype=np.bool_)
        can_show = self.snapshot.catalogue.eligible(self.past.until_us)
        return Demand(self._shoppers_of(known), len(self.past.shoppers), can_show)

    def _shoppers_of(self, kept: Mask) -> Int64:
        """Count the shoppers of each snapshot row, shape (n,), by the summary rows that are kept."""
        rows = self.snapshot.vocabulary.rows(self.past.vocabulary.ids)[self.past.summary.items[kept]]
        counts: Int64 = np.bincount(rows[rows >= 0], minlength=len(self.snapshot.vocabulary))
        return counts

    @cached_property
    def _unruled(self) -> Placement:
        """The placement without display rules: what a list is worth before the shop's taste."""
        return replace(self.placement, one_per_title=False, one_per_group=False, max_per_category=None)

    @cached_property
    def _is_learned(self) -> bool:
        """Whether a learned ranker serves the placement."""
        return isinstance(self.snapshot.ranker_of(self.placement), LearnedRanker)

    @cached_property
    def _explained(self) -> list[str]:
        """Wanted sources that the placement lets propose: their lists come with the answer."""
        return [
            name
            for name, quota in self.placement.sources.items()
            if quota and source_of(name) in self.snapshot.sources and self.wants(name)
        ]

    @cached_property
    def _alone(self) -> dict[str, Placement]:
        """The other wanted sources: each gets a placement of its own."""
        quota = max(self.placement.sources.values(), default=self.placement.n)
        others = [name for name in self.snapshot.sources if name not in self._explained and self.wants(name)]
        return {name: replace(self._unruled, sources={name: quota}) for name in others}

    @cached_property
    def _popular(self) -> dict[str, OrderedRows]:
        """Items by distinct shoppers, over all time and lately: baselines that no source has a say in."""
        lately = self.past.summary.last_us >= self.past.until_us - LATELY_DAYS * DAY_US
        counts = {POPULAR_EVER: self.demand.n_shoppers_of, POPULAR_LATELY: self._shoppers_of(lately)}
        rows = np.arange(len(self.snapshot.vocabulary), dtype=np.int32)
        return {
            name: OrderedRows.of(count.astype(np.float32), rows) for name, count in counts.items() if self.wants(name)
        }

    def prepared(self) -> "Asking":
        """Work out once what all questions share, so that forked processes find it done."""
        _ = self._unheard, self._is_learned, self._unruled, self._explained, self._alone, self._popular
        return self


def ask(asking: Asking, questions: Sequence[Question], processes: int, progress: Callable[[int, int], None]) -> Lists:
    """Return every wanted model's list for every question; the same lists whatever the number of processes.

    progress: called with how many questions were answered, and how many there are.
    Raises TrainingError if a process dies.
    """
    chunks = [questions[start : start + _CHUNK] for start in range(0, len(questions), _CHUNK)]
    answered: list[Lists] = []
    asking = asking.prepared()
    with spread(_answer, asking, chunks, processes) as answers:
        for lists in answers:
            answered.append(lists)
            progress(min(len(answered) * _CHUNK, len(questions)), len(questions))
    return {name: np.concatenate([lists[name] for lists in answered]) for name in answered[0]} if answered else {}


def in_rows_of(ours: Vocabulary, theirs: Vocabulary, rows: Int32) -> Int32:
    """Translate lists, shape (q, k), from one vocabulary's rows to another's; -1 stays -1, as does what ours lacks."""
    row_of = np.append(ours.rows(theirs.ids), np.int32(-1))
    return row_of[rows]


def _answer(asking: Asking, questions: Sequence[Question]) -> Lists:
    lists: Lists = {}
    for place, question in enumerate(questions):
        for name, rows in asking.answer(question).items():
            empty = np.full((len(questions), asking.placement.n), -1, dtype=np.int32)
            lists.setdefault(name, empty)[place, : len(rows)] = rows
    return lists
