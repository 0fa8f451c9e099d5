"""What a shoppers' cache promises, whichever keeps it.

A cache is never the truth: SQL is. It answers "this was so when no change was under way, and nothing changed since", or
it answers nothing. It never raises because a server is away, slow, full or talks nonsense.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

KEEP_SECONDS = 3600.0
"""An entry is forgotten so long after it began, however often it is read: the bound on everything unforeseen."""

MARK_SECONDS = 10.0
"""A change that is never ended keeps its shopper out of the cache for so long; longer than a commit takes."""

MOST_ANSWERS = 64
"""Of one shopper: one who asks a thousand different questions does not push out the others."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What one look found."""

    token: bytes | None
    """Stands for "nothing changed since this look": give it to `keep_*`. None = keep nothing."""
    answers: tuple[bytes | None, ...]
    """One per field asked for; None = not there, or of before a change."""
    history: bytes | None
    """Packed; looked for only when an answer is missing, or none was asked for."""
    state: Literal["fresh", "changing", "away"]
    """changing: an event of this shopper is being stored. away: there is no cache at the moment."""

    @classmethod
    def nothing(cls, n_answers: int, state: Literal["changing", "away"]) -> "Remembered":
        """Nothing found, and nothing may be kept."""
        return cls(None, (None,) * n_answers, None, state)


@dataclass(frozen=True, slots=True)
class Change:
    """One shopper's entry, taken out while events are being stored."""

    token: bytes | None
    """What the entry is marked with until the change ends; None: the mark could not be set."""
    histories: Mapping[str, bytes] = field(default_factory=dict)
    """The packed histories that were there, by field; without the new events."""


class ShopperCache(Protocol):
    """The answers and histories of shoppers, by shopper key (`models.events.shopper_key`).

    Order of asking: `look`; when something is missing read SQL *after* it, then `keep_*` with the token of that look.
    Order of a change: `begin_change`, commit, `end_change`. Nothing that was read before the commit can then be found
    after the end: the token of whoever looked before counts no more.
    """

    async def start(self) -> None:
        """Get ready; what the process before this one left behind is not believed. Never fails."""

    async def close(self) -> None:
        """Finish what is under way and let go."""

    async def look(self, shopper: str, answers: Sequence[str], history: str) -> Remembered:
        """Return what is remembered of a shopper, and the token to keep more with.

        answers: fields, each naming all that the answer depends on beside the shopper: bundle, placement, arguments.
        history: field, "history/" and `memory.digest()`; looked for when an answer is missing, or none is asked for.
        Cost when all answers are there: one round trip.
        """

    async def keep_history(self, shopper: str, token: bytes, history: str, packed: bytes) -> None:
        """Keep a history that was read after the look that gave the token, unless the shopper acted since.

        Does not wait for a server.
        """

    async def keep_answer(self, shopper: str, token: bytes, answer_field: str, answer: bytes) -> None:
        """Keep an answer that was worked out from what that look found or from SQL after it, unless the shopper acted.

        Does not wait for a server.
        """

    async def begin_change(self, shoppers: Sequence[str]) -> Mapping[str, Change]:
        """Before a commit: drop all that is remembered of these shoppers, and let nothing be kept until the end.

        Returns one Change a shopper. A change that could not begin is in it too: it must be ended like the others.
        """

    async def end_change(self, changes: Mapping[str, Change], histories: Mapping[str, Mapping[str, bytes]]) -> None:
        """After the commit, whatever became of it: keep the appended histories and let the shoppers in again.

        histories: by shopper and field, those of `changes` with the new events appended; a shopper or a field that is
        left out is read from SQL next time. They are kept only if no other change of the shopper met this one.
        """

    async def forget(self, shopper: str) -> None:
        """Drop all that is remembered of a shopper; call it after the commit that erased the rows."""

    async def forget_all(self) -> None:
        """Believe nothing that is remembered of anybody: events came past `begin_change`, by an import say."""

    @property
    def state(self) -> Literal["in_process", "connected", "away"]:
        """Where the entries are; away: they are neither read nor believed until the server is back."""

    @property
    def why_away(self) -> str | None:
        """What the server's last failure was, in words without secrets; None unless it is away."""
