"""Events as a storefront posts them: what they must say, the rows that the store keeps, and what is told of each."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.events import EVENT_TYPES, MOST_MONEY, MOST_PIECES
from models.meant import nearest
from service.problems import Problem
from service.requests import Id
from store.bulk import Row
from store.canonical import digest_of, write_map
from store.events import EVENT_COLUMNS, Outcome

MOST_EVENTS = 1_000
"""Of one request."""
MOST_CHARACTERS = 8_192
"""Of the properties of one event, as JSON."""
AHEAD_US = 600_000_000
"""How much later than ours the clock that dated an event may be."""

_DAY_US = 86_400_000_000
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)")
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_WHOLE_MAX = 2**31 - 1

EventType = Literal[EVENT_TYPES]  # type: ignore[valid-type]
Number = Annotated[float, Field(allow_inf_nan=False)]

Result: TypeAlias = dict[str, Any]
"""What the client is told of one event."""


class Event(BaseModel):
    """One event, as docs/formats.md says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event_id: Id | None = Field(default=None, description="Unique for ever; without one a retry is stored twice.")
    event_type: EventType = Field(description="What happened.")
    user_id: Id | None = Field(default=None, description="The customer; this or anonymous_id is needed.")
    anonymous_id: Id | None = Field(default=None, description="The visitor, as a cookie knows them.")
    session_id: Id | None = Field(default=None, description="The visit.")
    item_id: Id | None = Field(default=None, description="Needed for all types but search.")
    ts: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="When: RFC 3339 with its offset; without it the time of receipt."
    )
    quantity: Annotated[Number, Field(gt=0, le=MOST_PIECES)] | None = Field(
        default=None, description="1 when it is not given."
    )
    price: Annotated[Number, Field(ge=0, le=MOST_MONEY)] | None = Field(default=None, description="Of one unit.")
    currency: Id | None = None
    order_id: Id | None = Field(default=None, description="What was bought together.")
    value: Annotated[Number, Field(ge=-MOST_MONEY, le=MOST_MONEY)] | None = Field(
        default=None, description="A rating, say."
    )
    recommendation_id: Id | None = Field(default=None, description="Of the answer in which the item was shown.")
    position: Annotated[int, Field(ge=0, le=_WHOLE_MAX)] | None = Field(default=None, description="In that answer.")
    channel: Id | None = Field(default=None, description="web, app or till, say.")
    properties: dict[str, Any] | None = Field(
        default=None, description=f"Anything else, up to {MOST_CHARACTERS:,} characters as JSON."
    )


class EventsBody(BaseModel):
    """The body of POST /v1/events."""

    events: list[Event] = Field(min_length=1, max_length=MOST_EVENTS)


_FIELDS = tuple(Event.model_fields)
_CONTENT = tuple(sorted(set(EVENT_COLUMNS) - {"event_id", "digest"}))


class _RefusedError(Exception):
    """What is wrong with one event."""

    def __init__(self, name: str | None, detail: str) -> None:
        super().__init__(name)
        self.problem = {"field": name, "detail": detail}


@dataclass
class Received:
    """The events of one request: rows for the store, and what can be told of each event so far."""

    rows: list[Row] = field(default_factory=list)
    """In the order of EVENT_COLUMNS."""
    _places: list[int] = field(default_factory=list)
    """Which event each row is."""
    _results: list[Result] = field(default_factory=list)

    def take(self, row: Row) -> None:
        self._places.append(len(self._results))
        self.rows.append(row)
        self._results.append({"index": len(self._results), "event_id": row[0]})

    def reject(self, event_id: str | None, problem: dict[str, str | None]) -> None:
        index = len(self._results)
        self._results.append({"index": index, "event_id": event_id, "status": "rejected", "problem": problem})

    def results(self, outcomes: Sequence[Outcome]) -> list[Result]:
        """Return what became of each event, when the store has said it of each row."""
        for place, outcome in zip(self._places, outcomes, strict=True):
            self._results[place] |= _told[outcome]
        return self._results


_told: dict[Outcome, Result] = {
    "accepted": {"status": "accepted"},
    "duplicate": {"status": "duplicate"},
    "conflict": {
        "status": "conflict",
        "problem": {
            "field": "event_id",
            "detail": "another event is stored under this event_id; send this one under an id of its own",
        },
    },
    "refused": {
        "status": "rejected",
        "problem": {"field": None, "detail": "the database cannot keep what this event says; simplify it"},
    },
}


def read_events(parsed: object, *, now_us: int, keep_days: float) -> Received:
    """Read the body {"events": [...]}. One bad event is rejected alone.

    now_us: the time of receipt. keep_days: how old an event may be.
    Raises Problem when the body is no such list. Cost: 9 microseconds an event (2026-11).
    """
    received = Received()
    for given in _list_in(parsed):
        try:
            received.take(_row(given, now_us, now_us - int(keep_days * _DAY_US)))
        except _RefusedError as refused:
            received.reject(_id_of(given), refused.problem)
    return received


def _list_in(parsed: object) -> list[Any]:
    events = parsed.get("events") if isinstance(parsed, dict) else None
    if not isinstance(parsed, dict) or not isinstance(events, list) or not events:
        raise Problem(422, "No events", 'send {"events": [{"event_type": "view", ...}, ...]}', field="events")
    if strange := next((name for name in parsed if name != "events"), None):
        raise Problem(422, "Unknown field", 'the body has one field, "events"; take the others out', field=strange)
    if len(events) > MOST_EVENTS:
        raise Problem(413, "Too many events", f"send at most {MOST_EVENTS:,} events at once", field="events")
    return events


def _row(given: Any, now_us: int, earliest_us: int) -> Row:  # noqa: ANN401 - what JSON can say
    """Return one event in the order of EVENT_COLUMNS. Raises _RefusedError."""
    if isinstance(given, dict) and "" in given.values():  # an empty field is the same as none
        given = {name: value for name, value in given.items() if value != "" or name not in _FIELDS}
    try:
        values = dict(Event.model_validate(given).__dict__)
    except ValidationError as error:
        raise _refused(error) from None
    _refuse_incomplete(values)
    given_us = values["ts_us"] = _time(values.pop("ts"), earliest_us, now_us + AHEAD_US)
    values["quantity"] = 1.0 if values["quantity"] is None else values["quantity"]
    values["properties"] = _properties(values["properties"])
    # Of what the client said: an event without a time is the same event when it is sent again later.
    content = {name: value for name in _CONTENT if (value := values[name]) is not None}
    values["digest"] = int.from_bytes(digest_of(content), "little", signed=True)
    # A clock that is ahead of ours means now: what lies ahead counts for nothing before its time has come.
    values["ts_us"] = now_us if given_us is None else min(given_us, now_us)
    # In order of time, so that the index of ids grows at its end.
    values["event_id"] = values["event_id"] or f"r{now_us:014x}{token_hex(8)}"
    return tuple([values[name] for name in EVENT_COLUMNS])


def _refuse_incomplete(values: dict[str, Any]) -> None:
    if values["user_id"] is None and values["anonymous_id"] is None:
        raise _RefusedError("user_id", "user_id and anonymous_id are missing; send at least one")
    if values["item_id"] is None and values["event_type"] != "search":
        raise _RefusedError("item_id", "item_id is missing; every event but a search is about an item")


def _time(text: str | None, earliest_us: int, latest_us: int) -> int | None:
    if text is None:
        return None
    moment = _moment(text.strip().upper())
    if moment is None:
        raise _RefusedError("ts", "ts is no time with its offset; write RFC 3339 such as 2026-11-22T09:30:00+01:00")
    ts_us = (moment - _EPOCH) // _MICROSECOND
    if ts_us < earliest_us:
        raise _RefusedError("ts", "ts is too long ago; check its unit, or import it with `endcap import events`")
    if ts_us > latest_us:
        raise _RefusedError("ts", "ts is in the future; check the clock that wrote it and its offset")
    return ts_us


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _properties(given: dict[str, Any] | None) -> str | None:
    if given is None:
        return None
    try:
        written = write_map(given)
    except (ValueError, RecursionError):
        raise _RefusedError("properties", "properties is nested too deep; make it flatter") from None
    if len(written) > MOST_CHARACTERS:
        raise _RefusedError("properties", f"properties is longer than {MOST_CHARACTERS:,} characters; shorten it")
    return written


def _refused(error: ValidationError) -> _RefusedError:
    """Say the first thing that is wrong with an event, and never what was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if not first["loc"]:
        return _RefusedError(None, "an event is a JSON object with fields such as event_type and item_id")
    name = str(first["loc"][0])[:100]
    if first["type"] == "extra_forbidden":
        meant = nearest(name, _FIELDS)
        return _RefusedError(name, f"{name} is no field of an event; did you mean {meant}? Else put it in properties")
    words = {
        "missing": "is missing",
        "string_pattern_mismatch": "holds a control character; take it out",
        "literal_error": f"is none of {', '.join(EVENT_TYPES)}",
    }.get(first["type"], f"cannot be: {first['msg']}")
    return _RefusedError(name, f"{name} {words}")


def _id_of(given: object) -> str | None:
    """Return the id of a rejected event, if it is short enough to be told."""
    event_id = given.get("event_id") if isinstance(given, dict) else None
    return event_id if isinstance(event_id, str) and 0 < len(event_id) <= 256 else None  # noqa: PLR2004 - an id's length


def count(results: Sequence[Result]) -> Counter[str]:
    """Return how many events had which status."""
    return Counter(result["status"] for result in results)


def reply(results: Sequence[Result], request_id: str | None) -> tuple[int, bytes]:
    """Return the status and the body: 202, or 422 with the members of a problem when no event was taken."""
    counts = count(results)
    rejected = counts["rejected"] + counts["conflict"]
    told = {
        "accepted": counts["accepted"],
        "duplicates": counts["duplicate"],
        "rejected": rejected,
        "results": results,
    }
    if rejected < len(results):
        return 202, orjson.dumps(told)
    refusal = Problem(
        422, "No event was taken", "each event has its own problem in results; correct and send them again"
    )
    return 422, orjson.dumps(refusal.members(request_id) | told)
