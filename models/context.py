"""The question, in rows: what one shopper did, looks at and must not see, as of now."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import numpy as np

from models.arrays import NO_ROWS, Float32, Int32
from models.errors import UnknownItemError
from models.history import NOTHING, History, Memory, Summary, merged
from models.session import COUNTED, looked_at
from models.vocabulary import Vocabulary

T = TypeVar("T")


@dataclass(frozen=True)
class Interactions:
    """One shopper's items in the rows of one vocabulary, as of a moment: what does not depend on the question.

    Whoever keeps them answers the shopper's next question without reading the history again, and the sources find what
    they worked out for the one before.
    """

    rows: Summary = field(default=NOTHING)
    """The items that the vocabulary knows, one row each, newest first; `items` are item rows."""
    worked_out: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was made of the rows, by who made it."""

    def with_session(self, session: Int32, now_us: int, memory: Memory) -> "Interactions":
        """Return these and the rows, shape (m,), of what was looked at since, the newest last.

        The last session is kept: all lists of a page, and its next page, are asked for with the same one.
        """
        key, kept = self.worked_out.get("session", (None, None))
        if kept is None or key != session.tobytes():
            both = merged(self.rows, looked_at(session, now_us, memory), 1.0)
            kept = Interactions(both.take(np.argsort(-both.last_us, kind="stable")))
            self.worked_out["session"] = (session.tobytes(), kept)
        return cast(Interactions, kept)


def interactions_of(history: History, vocabulary: Vocabulary, memory: Memory, now_us: int) -> Interactions:
    """Turn the ids of a history into rows. Unknown items are dropped: a bundle may not know them yet."""
    item_ids, summary = history.summary(now_us, memory)
    rows = vocabulary.rows(item_ids)
    known = np.flatnonzero(rows >= 0)
    newest_first = known[np.argsort(-summary.last_us[known], kind="stable")]
    return Interactions(replace(summary, items=rows).take(newest_first))


@dataclass(frozen=True)
class Context:
    """All that sources, rank and rules may know of one request."""

    now_us: int
    """The only clock in models/."""
    shopper: Interactions = field(default_factory=Interactions)
    """What the shopper did with the items that the snapshot knows; `decayed` is as of now, or of a minute before."""
    anchors: Int32 = field(default_factory=lambda: NO_ROWS)
    """Item rows that the list is about: the product of a product page, the items of a cart. Empty elsewhere."""
    excluded: Int32 = field(default_factory=lambda: NO_ROWS)
    """Item rows that the caller does not want to see."""
    category: tuple[str, ...] = ()
    """Only items whose category path begins like this; empty = all items."""
    window_days: int | None = None
    """What is popular or trending counted over the last so many days; None = as the source counts by itself."""
    unknown_item_ids: tuple[str, ...] = ()
    """Ids in the request that no row belongs to; they were ignored."""

    @property
    def interactions(self) -> Summary:
        """The shopper's items, one row each, newest first; `items` are item rows."""
        return self.shopper.rows

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what `work` makes of the interactions, worked out once for all questions that share them.

        key: names the work. It must not depend on anchors, exclusions, or anything else of the question but the moment,
        which is at most a minute off.
        """
        worked_out = self.shopper.worked_out
        if key not in worked_out:
            worked_out[key] = work()
        found: T = worked_out[key]
        return found

    def fresh(self) -> "Context":
        """Return the same question with nothing worked out yet: what is kept, or sent elsewhere, is then small."""
        return replace(self, shopper=Interactions(self.interactions))

    @property
    def is_cold(self) -> bool:
        """True if nothing at all is known of the shopper."""
        return not len(self.interactions)

    @property
    def liked(self) -> tuple[Int32, Float32]:
        """Item rows that weigh more than 0 and their decayed weights, each shape (m,), the heaviest first."""
        return self.once("liked", self._liked)

    def _liked(self) -> tuple[Int32, Float32]:
        heaviest = np.argsort(-self.interactions.decayed, kind="stable")
        heaviest = heaviest[: np.count_nonzero(self.interactions.decayed > 0)]
        return self.interactions.items[heaviest], self.interactions.decayed[heaviest]

    @property
    def bought(self) -> Int32:
        """Item rows that the shopper bought at least once."""
        return self.once("bought", lambda: self.interactions.items[self.interactions.purchases > 0])


def build_context(  # noqa: PLR0913 - the parts of a question, by name
    vocabulary: Vocabulary,
    memory: Memory,
    *,
    now_us: int,
    history: History | Interactions | None = None,
    anchor_ids: Sequence[str] = (),
    excluded_ids: Iterable[str] = (),
    session_ids: Sequence[str] = (),
    category: Sequence[str] = (),
    window_days: int | None = None,
) -> Context:
    """Turn ids into rows.

    history: what the shopper did, or what `interactions_of` made of it with this vocabulary at most a minute before.
    session_ids: what the shopper looked at in this session and the history does not hold, the newest last; the last
    COUNTED of them count. category: a path, from the widest to the narrowest.
    Raises UnknownItemError if there are anchors and none of them is known.
    """
    session_ids = session_ids[-COUNTED:]
    asked = [*anchor_ids, *excluded_ids, *session_ids]
    rows = vocabulary.rows(asked)
    n_anchors, n_session = len(anchor_ids), len(session_ids)
    anchors, session = _known(rows[:n_anchors]), _known(rows[len(rows) - n_session :])
    if n_anchors and not len(anchors):
        raise UnknownItemError(anchor_ids[0], "the bundle or the catalogue")
    shopper = history if isinstance(history, Interactions) else Interactions()
    if isinstance(history, History):
        shopper = interactions_of(history, vocabulary, memory, now_us)
    if len(session):
        shopper = shopper.with_session(session, now_us, memory)
    return Context(
        now_us=now_us,
        shopper=shopper,
        anchors=anchors,
        excluded=_known(rows[n_anchors : len(rows) - n_session]),
        category=tuple(category),
        window_days=window_days,
        unknown_item_ids=tuple(asked[place] for place in np.flatnonzero(rows < 0).tolist()),
    )


def _known(rows: Int32) -> Int32:
    return rows[rows >= 0]
