"""What a protocol asks: questions with their histories, what was right, and what may be learned before they are asked.

A protocol is two stages: what a ranking learns from the first, the second measures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.arrays import Int64
from models.errors import InputError
from models.history import NO_EVENTS, Events, History, Memory, Past, Summary, summarise
from models.placement import Placement
from models.snapshot import Snapshot
from models.vocabulary import Vocabulary
from training.data import TrainingData
from training.evaluate.metrics import Targets


@dataclass(frozen=True)
class Histories:
    """What those who ask did before, as of one moment; numbered from 0. May hold more than any fit saw."""

    vocabulary: Vocabulary
    """What the rows of `summary.items` mean."""
    summary: Summary
    """One row per (history, item); `owners` are the histories' numbers."""
    as_of_us: int
    n: int
    events: Events = NO_EVENTS
    """What the summary was made of, where that is not a past."""
    unheard: tuple[str, ...] = ()
    """Items of the catalogue that nobody could know when this was asked, but those whose history holds one."""

    @classmethod
    def of_past(cls, past: TrainingData) -> "Histories":
        """Return the histories of all shoppers of a past, by their numbers there."""
        return cls(past.vocabulary, past.summary, past.as_of_us, len(past.shoppers))

    @classmethod
    def of(cls, events: Events, past: TrainingData, n: int) -> "Histories":
        """Return n histories made of events, by history and time, in rows of the past.

        Their times are moved so that the newest event of each is of the past's last moment: what was learned until then
        is asked then. How long ago an event was counts from there.
        """
        newest_us = np.full(n, np.iinfo(np.int64).min)
        np.maximum.at(newest_us, events.owners, events.ts_us)
        moved = replace(events, ts_us=events.ts_us + (past.as_of_us - newest_us[events.owners]))
        summary = summarise(moved, past.as_of_us, past.memory)
        return cls(past.vocabulary, summary, past.as_of_us, n, moved)

    def under(self, memory: Memory) -> "Histories":
        """Return the same events as another memory weighs them."""
        return replace(self, summary=summarise(self.events, self.as_of_us, memory))

    def history(self, number: int) -> History:
        """Return one history; an empty one for number -1, of whom nothing is known."""
        if number < 0:
            return History()
        start, end = self._bounds[number : number + 2]
        rows = self.summary.take(slice(start, end))
        ids = self.vocabulary.ids
        return History(Past(self.as_of_us, tuple(ids[item] for item in rows.items.tolist()), rows))

    def n_items(self, numbers: Int64) -> Int64:
        """Return how many items histories hold, shape (q,); 0 for number -1."""
        return np.where(numbers >= 0, np.append(np.diff(self._bounds), 0)[numbers], 0)

    @cached_property
    def _bounds(self) -> list[int]:
        bounds: list[int] = np.searchsorted(self.summary.owners, np.arange(self.n + 1)).tolist()
        return bounds


@dataclass(frozen=True)
class Question:
    """Who asks, and about what."""

    owner: int
    """Number of the history; -1 for one of whom nothing is known."""
    anchors: tuple[str, ...] = ()
    """Items in the cart, or of the page, that the snapshot knows."""
    only_fresh: bool = False
    """Whether nothing of the history may be answered, whatever the shopper did with it."""


@dataclass(frozen=True)
class Asked:
    """Everybody's question of one task, and what was right; q questions."""

    questions: list[Question]
    targets: Targets
    """q sets, none empty, of rows of `vocabulary`."""
    shoppers: Int64
    """Shape (q,): who asks, as a number; the unit of resampling."""
    histories: Histories
    vocabulary: Vocabulary
    """The past's rows, followed by items that only came later: those are misses for every model."""
    shopper_keys: Sequence[str] = ()
    """By number of `shoppers`; empty where the numbers stand for nobody in particular."""

    @property
    def n_known(self) -> Int64:
        """How many items the history of each question holds, shape (q,)."""
        return self.histories.n_items(np.array([question.owner for question in self.questions], dtype=np.int64))


@dataclass(frozen=True)
class Stage:
    """One half of a protocol: what a fit may see, and what is asked of it."""

    past: TrainingData
    """All that a fit may see."""
    ask: Callable[[Placement, Snapshot], Asked | None]
    """Return the questions of the placement's task to a snapshot that was fitted on the past; None if nothing shows
    what is right."""

    def asked(self, placement: Placement, snapshot: Snapshot) -> Asked:
        """Return the questions of the placement's task. Raises InputError if nothing shows what is right."""
        found = self.ask(placement, snapshot)
        if found is None:
            raise InputError(f"nothing in what came later shows what is right for the task {placement.task}; give more")
        return found
