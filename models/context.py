"""The question, in rows: what one shopper did, looks at and must not see, as of now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from models.arrays import Float32, Int32
from models.errors import UnknownItemError
from models.history import NOTHING, History, Memory, Summary, merged
from models.session import COUNTED, looked_at
from models.vocabulary import Vocabulary

_NO_ROWS = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class Context:
    """All that sources, rank and rules may know of one request."""

    now_us: int
    """The only clock in models/."""
    interactions: Summary = field(default=NOTHING)
    """The shopper's items that the snapshot knows, one row each, newest first; `items` are item rows, and `decayed`
    is as of now."""
    anchors: Int32 = field(default_factory=lambda: _NO_ROWS)
    """Item rows that the list is about: the product of a product page, the items of a cart. Empty elsewhere."""
    excluded: Int32 = field(default_factory=lambda: _NO_ROWS)
    """Item rows that the caller does not want to see."""
    category: tuple[str, ...] = ()
    """Only items whose category path begins like this; empty = all items."""
    window_days: int | None = None
    """What is popular or trending counted over the last so many days; None = as the source counts by itself."""
    unknown_item_ids: tuple[str, ...] = ()
    """Ids in the request that no row belongs to; they were ignored."""

    @property
    def is_cold(self) -> bool:
        """True if nothing at all is known of the shopper."""
        return not len(self.interactions)

    @cached_property
    def liked(self) -> tuple[Int32, Float32]:
        """Item rows that weigh more than 0 and their decayed weights, each shape (m,), the heaviest first."""
        heaviest = np.argsort(-self.interactions.decayed, kind="stable")
        heaviest = heaviest[: np.count_nonzero(self.interactions.decayed > 0)]
        return self.interactions.items[heaviest], self.interactions.decayed[heaviest]

    @property
    def bought(self) -> Int32:
        """Item rows that the shopper bought at least once."""
        return self.interactions.items[self.interactions.purchases > 0]


def build_context(  # noqa: PLR0913 - the parts of a question, by name
    vocabulary: Vocabulary,
    memory: Memory,
    *,
    now_us: int,
    history: History | None = None,
    anchor_ids: Sequence[str] = (),
    excluded_ids: Iterable[str] = (),
    session_ids: Sequence[str] = (),
    category: Sequence[str] = (),
    window_days: int | None = None,
) -> Context:
    """Turn ids into rows. Unknown items of a history are dropped: a bundle may not know them yet.

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
    interactions = NOTHING if history is None else _interactions(vocabulary, memory, now_us, history)
    if len(session):
        interactions = merged(interactions, looked_at(session, now_us, memory), 1.0)
        interactions = interactions.take(np.argsort(-interactions.last_us, kind="stable"))
    return Context(
        now_us=now_us,
        interactions=interactions,
        anchors=anchors,
        excluded=_known(rows[n_anchors : len(rows) - n_session]),
        category=tuple(category),
        window_days=window_days,
        unknown_item_ids=tuple(asked[place] for place in np.flatnonzero(rows < 0).tolist()),
    )


def _interactions(vocabulary: Vocabulary, memory: Memory, now_us: int, history: History) -> Summary:
    """Return one row per item that the vocabulary knows, newest first."""
    item_ids, summary = history.summary(now_us, memory)
    rows = vocabulary.rows(item_ids)
    known = np.flatnonzero(rows >= 0)
    newest_first = known[np.argsort(-summary.last_us[known], kind="stable")]
    return replace(summary, items=rows).take(newest_first)


def _known(rows: Int32) -> Int32:
    return rows[rows >= 0]
