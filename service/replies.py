"""An answer as bytes: kept without its recommendation_id, which every reply gets anew."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson

from models.context import Context
from models.placement import Placement
from models.recommend import Recommendation
from models.snapshot import Snapshot
from models.told import tell
from service.recommendation_ids import new_recommendation_id

COLD_START = "trending_and_popular"
"""What is shown to a shopper of whom nothing at all is known."""

_HEAD = struct.Struct("<qI")
_SEPARATOR = "\n"
"""Ids hold no control characters."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One list, ready to be sent and to be kept."""

    computed_at_us: int
    item_ids: tuple[str, ...]
    """In order: what an exposure records, and what the catalogue is asked about before a kept answer is sent again."""
    fallback: str | None
    """What stood in for what the placement's sources could not give."""
    body: bytes
    """A JSON object without its recommendation_id."""

    def packed(self) -> bytes:
        """Return the answer as `unpack` reads it."""
        words = _SEPARATOR.join((self.fallback or "", *self.item_ids)).encode()
        return _HEAD.pack(self.computed_at_us, len(words)) + words + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> Self | None:
        """Return the answer; None for what is none."""
        try:
            computed_at_us, n_bytes = _HEAD.unpack_from(packed)
            body_at = _HEAD.size + n_bytes
            fallback, *item_ids = packed[_HEAD.size : body_at].decode().split(_SEPARATOR)
        except (struct.error, UnicodeDecodeError):
            return None
        body = packed[body_at:]
        if not body.startswith(b"{") or not body.endswith(b"}"):
            return None
        return cls(computed_at_us, tuple(item_ids), fallback or None, body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer under its own recommendation_id."""

    recommendation_id: str
    placement: str
    model_version: str
    answer: Answer

    @classmethod
    def of(cls, answer: Answer, placement: str, model_version: str) -> Self:
        """Give an answer a fresh recommendation_id."""
        return cls(new_recommendation_id(), placement, model_version, answer)

    def as_json(self) -> bytes:
        """Return the JSON object that is sent."""
        return b'{"recommendation_id":"%b",%b' % (self.recommendation_id.encode(), self.answer.body[1:])


def several(replies: Sequence[Reply]) -> bytes:
    """Return the body of a call with several placements."""
    return b'{"recommendations":[%b]}' % b",".join(reply.as_json() for reply in replies)


def answer_of(
    context: Context, snapshot: Snapshot, placement: Placement, recommendation: Recommendation, *, unavailable: bool
) -> Answer:
    """Put a recommendation into words. unavailable: the shopper's history could not be read."""
    told = tell(context, snapshot, recommendation)
    fallback = _fallback(context, placement, recommendation)
    body: dict[str, Any] = {
        "placement": placement.name,
        "model_version": snapshot.version,
        "experiment": None,
        "fallback": fallback,
        "history": "unavailable" if unavailable else None,
        "unknown_item_ids": context.unknown_item_ids,
        "items": [one.as_json() for one in told],
    }
    return Answer(context.now_us, tuple(one.item_id for one in told), fallback, orjson.dumps(body))


def _fallback(context: Context, placement: Placement, recommendation: Recommendation) -> str | None:
    if context.is_cold and not len(context.anchors) and len(placement.sources) > 1:
        return COLD_START
    return recommendation.fallback
