"""What is asked of sessions: the next item, given the session so far or its current item alone.

A session belongs to the side of a cut on which it begins, and is named by its shopper and its `session_id`. What of a
session of the past comes after the cut is neither learned from nor asked. Rankings learn from the sessions that begin
in as long a time before the cut as is measured after it, at most a third of the past; their sources know only what was
before those.

A shop shows what it has: items that are published by the end of a stage are in its catalogue. An item of which nobody
says when it was published is there with its first event: a catalogue that was made from the events of the test
would tell what will be seen. Before the cutoff that is known to all; after it, to the sessions that have it.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from models.arrays import DAY_US, Int64, Mask
from models.errors import InputError
from models.events import CODE_OF
from models.history import Events
from models.placement import Placement
from models.snapshot import Snapshot
from models.vocabulary import Vocabulary
from training.data import TrainingData
from training.evaluate.asked import Asked, Histories, Question, Stage
from training.evaluate.frames import LayOut, can_be_right, events_of, moment_us, numbered, wider
from training.evaluate.held_out import known_before
from training.evaluate.metrics import Targets
from training.read import ShopData

LONGEST: Final = 200
"""Events of a session so far that count, the newest."""
_PARTS = 3
"""Rankings learn from at most the last of so many parts of the past."""


@dataclass(frozen=True)
class Steps:
    """From each event of a session to the next one; q steps, by session and time."""

    events: Events
    """All events of the sessions, of which e; `owners` are shoppers, `items` rows of `vocabulary`."""
    shoppers: tuple[str, ...]
    """Keys, by number."""
    vocabulary: Vocabulary
    """The past's rows, followed by the items that only the sessions know."""
    here: Int64
    """Shape (q,): the position in `events` of the current one; the next one follows it."""
    starts: Int64
    """Shape (q,): where its session begins in `events`."""

    @property
    def moves(self) -> Mask:
        """Whether the next item is another one, shape (q,)."""
        different: Mask = self.events.items[self.here] != self.events.items[self.here + 1]
        return different

    def where(self, keep: Mask) -> "Steps":
        """Return the steps that `keep`, shape (q,), marks."""
        return Steps(self.events, self.shoppers, self.vocabulary, self.here[keep], self.starts[keep])

    def so_far(self) -> tuple[Int64, Int64]:
        """Return positions in `events`, oldest first, and the step that each is of, each shape (m,)."""
        first = np.maximum(self.starts, self.here + 1 - LONGEST)
        lengths = self.here + 1 - first
        steps = np.repeat(np.arange(len(self.here)), lengths)
        within = np.arange(len(steps)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return first[steps] + within, steps


@dataclass(frozen=True)
class SessionStage:
    """A stage, and the steps that it asks about."""

    stage: Stage
    steps: Steps
    cutoff_us: int
    until_us: int


def stages(
    shop: ShopData, test: ShopData | None, lay_out: LayOut, cutoff_us: int, until_us: int
) -> tuple[SessionStage, SessionStage]:
    """Return what is learned from and what is measured.

    test: what is measured, where that is a file of its own; then all of the shop is past, and the cutoff is its end.
    Raises InputError if events have no sessions, or no session has two events.
    """
    later = shop.events if test is None else _others(test.events, shop.events)
    for events in (shop.events, later):
        _require_sessions(events)
    measured_us = until_us - (cutoff_us if test is None else moment_us(later["ts"].min()))
    first_us = moment_us(shop.events["ts"].min())
    back_us = min(-(-measured_us // DAY_US) * DAY_US, (cutoff_us - first_us) // _PARTS)
    first = pl.concat([shop.events, later]).group_by("item_id").agg(first_us=pl.col("ts").min().dt.timestamp("us"))
    learning = _stage(shop, shop.events, first, lay_out, Between(cutoff_us - back_us, cutoff_us))
    return learning, _stage(shop, later, first, lay_out, Between(cutoff_us, until_us, any_time=test is not None))


def _others(events: pl.DataFrame, than: pl.DataFrame) -> pl.DataFrame:
    """Return the events of sessions that do not begin on the other side."""
    return events.join(than, on=["shopper", "session_id"], how="anti", maintain_order="left")


def _require_sessions(events: pl.DataFrame) -> None:
    if not events["session_id"].is_not_null().any():
        raise InputError("this protocol needs sessions, and no event has a session_id; name its column with --map")


@dataclass(frozen=True)
class Between:
    """Which sessions are asked about: those that begin in [cutoff, until)."""

    cutoff_us: int
    until_us: int
    any_time: bool = False
    """Whenever they begin: what is asked about is a file of its own."""


def _stage(
    shop: ShopData, events: pl.DataFrame, first: pl.DataFrame, lay_out: LayOut, between: Between
) -> SessionStage:
    """Return the stage that knows the shop before the cutoff. first: when the first event of each item was."""
    past = lay_out(known_before(shop, between.cutoff_us, shown_until_us=between.until_us), between.cutoff_us)
    ts_us = pl.col("ts").dt.timestamp("us")
    known = events.filter(pl.col("session_id").is_not_null() & (ts_us < between.until_us))
    if not between.any_time:
        known = known.filter(ts_us.min().over("shopper", "session_id") >= between.cutoff_us)
    steps = _steps(known, shop.items, past)
    if not len(steps.here):
        raise InputError(
            "no session that begins after the cutoff has two events about items that can be recommended; "
            "choose an earlier --cutoff"
        )
    unheard = _unheard(past, first, between.cutoff_us)
    stage = Stage(past, partial(_asked, steps, past, unheard))
    return SessionStage(stage, steps, between.cutoff_us, between.until_us)


def _unheard(past: TrainingData, first: pl.DataFrame, cutoff_us: int) -> tuple[str, ...]:
    """Return the items whose first sign of being there is an event after the cutoff."""
    heard_us = pl.col("published_at").dt.timestamp("us").fill_null(pl.col("first_us"))
    heard = past.items.select("item_id", "published_at").join(first, on="item_id", maintain_order="left")
    later = heard.filter((pl.col("first_us") >= cutoff_us) & (heard_us >= pl.col("first_us")))
    return tuple(later["item_id"].to_list())


def _steps(events: pl.DataFrame, items: pl.DataFrame, past: TrainingData) -> Steps:
    """Return all steps of sessions from one sign of liking to the next, to what can be recommended."""
    signs = [name for name in events["event_type"].unique() if past.memory.weights[CODE_OF[name]] > 0]
    frame = events.filter(pl.col("event_type").is_in(signs)).sort("shopper", "session_id", "ts", maintain_order=True)
    sessions = numbered(frame.select(pl.struct("shopper", "session_id")).to_series())
    vocabulary = wider(past, frame["item_id"])
    follows = (sessions[1:] == sessions[:-1]) & frame.select(can_be_right(items)).to_series().to_numpy()[1:]
    here = np.flatnonzero(follows)
    starts = np.searchsorted(sessions, sessions[here])
    rows = vocabulary.rows(frame["item_id"].to_list())
    shoppers = tuple(frame["shopper"].unique().sort().to_list())
    return Steps(events_of(frame, numbered(frame["shopper"]), rows), shoppers, vocabulary, here, starts)


def _asked(
    steps: Steps, past: TrainingData, unheard: tuple[str, ...], placement: Placement, snapshot: Snapshot
) -> Asked | None:
    match placement.task:
        case "personal":
            questions = [Question(number) for number in range(len(steps.here))]
            return _answered(steps, questions, replace(_histories(steps, past), unheard=unheard))
        case "similar":
            moves = steps.where(steps.moves)
            ids = moves.vocabulary.ids
            current = (ids[row] for row in moves.events.items[moves.here].tolist())
            anchors = ((item_id,) if item_id in snapshot.vocabulary else () for item_id in current)
            questions = [Question(-1, anchor) for anchor in anchors]
            histories = replace(Histories.of_past(past), unheard=unheard)
            return _answered(moves, questions, histories) if questions else None
        case _:
            return None


def _answered(steps: Steps, questions: list[Question], histories: Histories) -> Asked:
    n = len(questions)
    return Asked(
        questions=questions,
        targets=Targets.of(np.arange(n), steps.events.items[steps.here + 1], np.zeros(n), n),
        shoppers=steps.events.owners[steps.here].astype(np.int64),
        histories=histories,
        vocabulary=steps.vocabulary,
        shopper_keys=steps.shoppers,
    )


def _histories(steps: Steps, past: TrainingData) -> Histories:
    """Return each session so far as a history of its own; no two of its events are of one moment."""
    positions, numbers = steps.so_far()
    events = steps.events.at(positions)
    distinct_us = events.ts_us + (positions - steps.starts[numbers])
    apart = Events(numbers.astype(np.int32), events.items, events.types, distinct_us, events.prices, events.orders)
    return Histories.of(apart.where(apart.items < len(past.vocabulary)), past, len(steps.here))
