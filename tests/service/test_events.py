"""What is read of posted events: every one is stored as it was said, or refused with a reason, and alone."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import EVENT_TYPES
from service.events import AHEAD_US, MOST_CHARACTERS, MOST_EVENTS, EventsBody, Received, read_events, reply
from service.problems import Problem
from store.events import EVENT_COLUMNS, Outcome
from store.schema import exposures
from training.importing.columns import ID_LENGTH_MAX
from training.importing.events import EventsTarget
from training.importing.fields import Reading
from training.importing.files import Batch, read_json_lines

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
KEEP_DAYS = 90
VIEW = {"event_id": "e1", "event_type": "view", "user_id": "7", "item_id": "milk"}


def read(*events: object) -> Received:
    return read_events({"events": list(events)}, now_us=NOW_US, keep_days=KEEP_DAYS)


def row(**fields: object) -> dict[str, Any]:
    received = read(VIEW | fields)
    assert received.rows, received.results([])
    return dict(zip(EVENT_COLUMNS, received.rows[0], strict=True))


def problem(event: object) -> dict[str, Any]:
    received = read(event)
    assert not received.rows
    [result] = received.results([])
    assert (result["index"], result["status"]) == (0, "rejected")
    found: dict[str, Any] = result["problem"]
    return found


def test_an_event_becomes_a_row_of_what_it_says() -> None:
    told = {
        "event_type": "purchase",
        "anonymous_id": "visitor-77",
        "session_id": "s-1",
        "ts": "2026-11-20T18:04:10.5+01:00",
        "quantity": 2,
        "price": 1.19,
        "currency": "EUR",
        "order_id": "o-501",
        "value": -3,
        "recommendation_id": "rec_1",
        "position": 1,
        "channel": "web",
        "properties": {"b": [1, None], "a": "牛奶", "none": None},
    }
    ts_us = int(datetime(2026, 11, 20, 17, 4, 10, 500_000, tzinfo=UTC).timestamp() * 1_000_000)
    expected = VIEW | told | {"properties": '{"a":"牛奶","b":[1,null]}', "ts_us": ts_us}
    found = row(**told)
    del expected["ts"], found["digest"]
    assert found == expected
    assert isinstance(found["quantity"], float)


def test_what_is_left_out_or_empty_or_null_is_not_there() -> None:
    bare = row()
    assert (bare["ts_us"], bare["quantity"], bare["price"], bare["properties"]) == (NOW_US, 1.0, None, None)
    empty: dict[str, object] = {"session_id": "", "price": None, "ts": "", "properties": {}, "anonymous_id": ""}
    assert row(**empty) == bare | {"properties": "{}", "digest": row(properties={})["digest"]}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_type_of_event_is_taken(event_type: str) -> None:
    assert row(event_type=event_type)["event_type"] == event_type


def test_a_search_is_about_no_item() -> None:
    assert read({"event_type": "search", "anonymous_id": "v"}).rows


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"event_type": None}, "event_type", "is none of view, add_to_cart"),
        ({"event_type": "buy"}, "event_type", "is none of view, add_to_cart"),
        ({"user_id": None}, "user_id", "user_id and anonymous_id are missing"),
        ({"user_id": ""}, "user_id", "user_id and anonymous_id are missing"),
        ({"item_id": None}, "item_id", "every event but a search"),
        ({"item_id": "a" * 257}, "item_id", "at most 256 characters"),
        ({"event_id": "a" * 10_000}, "event_id", "at most 256 characters"),
        ({"item_id": "milk\0"}, "item_id", "control character"),
        ({"item_id": "\N{NEXT LINE}"}, "item_id", "control character"),
        ({"item_id": "\ud800"}, "item_id", "unicode"),
        ({"user_id": 1029}, "user_id", "valid string"),
        ({"quantity": 0}, "quantity", "greater than 0"),
        ({"quantity": "2"}, "quantity", "valid number"),
        ({"quantity": True}, "quantity", "valid number"),
        ({"price": -0.01}, "price", "greater than or equal to 0"),
        ({"price": math.nan}, "price", "finite"),
        ({"value": math.inf}, "value", "finite"),
        ({"position": -1}, "position", "greater than or equal to 0"),
        ({"position": 2**31}, "position", "less than or equal"),
        ({"position": 1.5}, "position", "valid integer"),
        ({"properties": [1]}, "properties", "valid dictionary"),
        ({"properties": {"a": "b" * MOST_CHARACTERS}}, "properties", "longer than 8,192 characters"),
        ({"properties": {"a": math.nan}}, "properties", "nested too deep"),
        ({"ts": "2026-11-22T09:30:00"}, "ts", "no time with its offset"),
        ({"ts": "2026-11-22"}, "ts", "no time with its offset"),
        ({"ts": "2026-W47-7T09:30:00Z"}, "ts", "no time with its offset"),
        ({"ts": "2026-02-30T09:30:00Z"}, "ts", "no time with its offset"),
        ({"ts": "1763805000"}, "ts", "no time with its offset"),
        ({"ts": 1_763_805_000}, "ts", "valid string"),
        ({"ts": "1970-01-01T00:00:00Z"}, "ts", "too long ago"),
        ({"ts": "0001-01-01T00:00:00+23:59"}, "ts", "too long ago"),
        ({"ts": "2027-11-22T09:30:00Z"}, "ts", "in the future"),
        ({"ts": "9999-12-31T23:59:59-23:59"}, "ts", "in the future"),
        ({"userid": "7"}, "userid", "did you mean user_id"),
        ({"a" * 5_000: 1}, "a" * 100, "is no field of an event"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_what_to_do(changes: dict[str, object], field: str, words: str) -> None:
    found = problem(VIEW | changes)
    assert found["field"] == field
    assert words in found["detail"]
    assert len(found["detail"]) < 400


def test_a_missing_type_is_missing() -> None:
    found = problem({"user_id": "7", "item_id": "milk"})
    assert found == {"field": "event_type", "detail": "event_type is missing"}


@pytest.mark.parametrize("event", [None, 7, "view", [], [VIEW], True])
def test_what_is_no_object_is_no_event(event: object) -> None:
    assert problem(event)["detail"].startswith("an event is a JSON object")


@pytest.mark.parametrize(
    ("ts", "is_taken"),
    [
        (NOW - timedelta(days=KEEP_DAYS), True),
        (NOW - timedelta(days=KEEP_DAYS, microseconds=1), False),
        (NOW + timedelta(microseconds=AHEAD_US), True),
        (NOW + timedelta(microseconds=AHEAD_US + 1), False),
    ],
)
def test_a_time_is_taken_from_keep_days_ago_to_ten_minutes_ahead(ts: datetime, *, is_taken: bool) -> None:
    assert bool(read(VIEW | {"ts": ts.isoformat()}).rows) == is_taken


def test_what_a_clock_ahead_of_ours_dates_counts_now_and_is_the_same_event_when_it_is_sent_again() -> None:
    ahead = VIEW | {"ts": (NOW + timedelta(minutes=2)).isoformat()}
    first, again = read(ahead).rows[0], read_events({"events": [ahead]}, now_us=NOW_US + 9, keep_days=KEEP_DAYS).rows[0]
    at = EVENT_COLUMNS.index("ts_us")
    assert (first[at], again[at]) == (NOW_US, NOW_US + 9)
    assert first[1] == again[1]


@pytest.mark.parametrize(("name", "most"), [("quantity", 1e6), ("price", 1e12), ("value", 1e12)])
def test_an_absurd_amount_is_refused(name: str, most: float) -> None:
    assert row(**{name: most})[name] == most
    assert problem(VIEW | {name: most * 1.001})["field"] == name


@pytest.mark.parametrize("ts", ["2026-11-22T10:30:00+01:00", "2026-11-22t09:30:00z", "2026-11-22 08:30:00.000-01"])
def test_one_moment_written_in_several_ways_is_one_event(ts: str) -> None:
    assert row(ts=ts) == row(ts="2026-11-22T09:30:00Z")


def test_an_event_without_a_time_is_the_same_event_when_it_is_sent_again() -> None:
    later = read_events({"events": [VIEW]}, now_us=NOW_US + 5_000_000, keep_days=KEEP_DAYS).rows[0]
    first = read(VIEW).rows[0]
    assert (later[0], later[1]) == (first[0], first[1])
    assert row(ts=NOW.isoformat())["digest"] != first[1]


def test_an_event_without_an_id_gets_one_of_its_own_that_the_reply_tells() -> None:
    nameless = {name: value for name, value in VIEW.items() if name != "event_id"}
    received = read(nameless, nameless)
    ids = [found[0] for found in received.rows]
    assert len(set(ids)) == 2
    assert [result["event_id"] for result in received.results(["accepted", "accepted"])] == ids


def test_an_event_means_the_same_whether_it_is_posted_or_imported(tmp_path: Path) -> None:
    events = [
        VIEW | {"ts": "2026-11-20T18:04:10+01:00"},
        VIEW | {"ts": "2026-11-20T18:04:10.25Z", "quantity": 2, "price": 3, "position": 4, "order_id": "ö-1"},
        VIEW | {"ts": "2026-11-20T18:04:10Z", "value": 4.5, "properties": {"b": 1.5e20, "a": [True, "x"], "c": None}},
        {"event_id": "s", "event_type": "search", "anonymous_id": "v", "session_id": "s", "ts": "2026-11-20T18:04:10Z"},
    ]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(event) for event in events))
    imported = EventsTarget(NOW_US, Reading()).prepare(_whole(path)).rows
    assert read(*events).rows == imported
    assert ID_LENGTH_MAX == 256


def _whole(path: Path) -> Batch:
    [batch] = read_json_lines(path)
    return batch


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        (None, 422, "No events"),
        ([VIEW], 422, "No events"),
        ({}, 422, "No events"),
        ({"events": []}, 422, "No events"),
        ({"events": {"0": VIEW}}, 422, "No events"),
        ({"events": [VIEW], "batch": 1}, 422, "Unknown field"),
        ({"events": [VIEW] * (MOST_EVENTS + 1)}, 413, "Too many events"),
    ],
)
def test_a_body_that_is_no_list_of_events_is_refused_whole(body: object, status: int, title: str) -> None:
    with pytest.raises(Problem) as refusal:
        read_events(body, now_us=NOW_US, keep_days=KEEP_DAYS)
    assert (refusal.value.status, refusal.value.title) == (status, title)


def test_a_reply_counts_what_became_of_the_events_and_tells_each() -> None:
    received = read(VIEW, {"event_id": "bad"}, VIEW | {"event_id": "e2"}, VIEW | {"event_id": "e3"}, VIEW)
    outcomes: list[Outcome] = ["accepted", "conflict", "refused", "duplicate"]
    status, body = reply(received.results(outcomes), "q1")
    told = orjson.loads(body)
    assert status == 202
    assert {name: told[name] for name in told if name != "results"} == {"accepted": 1, "duplicates": 1, "rejected": 3}
    statuses = ["accepted", "rejected", "conflict", "rejected", "duplicate"]
    assert [result["status"] for result in told["results"]] == statuses
    assert [result["index"] for result in told["results"]] == [0, 1, 2, 3, 4]
    assert [result["event_id"] for result in told["results"]] == ["e1", "bad", "e2", "e3", "e1"]
    assert ["problem" in result for result in told["results"]] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("outcomes", "status"), [(["accepted"], 202), (["duplicate"], 202), (["conflict"], 422), (["refused"], 422)]
)
def test_only_where_nothing_was_taken_the_reply_is_a_problem(outcomes: list[Outcome], status: int) -> None:
    found, body = reply(read(VIEW).results(outcomes), "q1")
    told = orjson.loads(body)
    assert found == status
    assert ("title" in told) == (status == 422)
    assert told.get("request_id") == (None if status == 202 else "q1")
    assert len(told["results"]) == 1


def test_the_contract_knows_every_field() -> None:
    schema = EventsBody.model_json_schema()
    assert set(schema["$defs"]["Event"]["properties"]) == {*EVENT_COLUMNS} - {"digest", "ts_us"} | {"ts"}
    assert schema["$defs"]["Event"]["required"] == ["event_type"]


PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()


def test_the_page_shows_a_body_that_is_taken_and_its_reply() -> None:
    body, told = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    received = read_events(body, now_us=NOW_US, keep_days=KEEP_DAYS)
    assert json.loads(reply(received.results(["accepted"]), "q1")[1]) == told
    assert (f"{MOST_EVENTS:,} events" in PAGE, f"{MOST_CHARACTERS:,} characters" in PAGE) == (True, True)


def test_the_page_names_every_column_of_an_exposure() -> None:
    table = PAGE.partition("## Exposures")[2]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [column.name for column in exposures.columns]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ANY_EVENT = st.fixed_dictionaries(
    {},
    optional={
        name: ANY_JSON | st.sampled_from(["view", "7", "2026-11-22T09:30:00Z", 1, 2.5, -1, {"a": 1}])
        for name in (*EventsBody.model_json_schema()["$defs"]["Event"]["properties"], "other")
    },
)


@given(st.lists(ANY_EVENT | ANY_JSON, min_size=1, max_size=4))
def test_whatever_is_posted_is_stored_or_refused_in_words(events: list[object]) -> None:
    received = read(*events)
    results = received.results(["accepted"] * len(received.rows))
    assert [result["index"] for result in results] == list(range(len(events)))
    assert orjson.loads(reply(results, "q1")[1])["accepted"] == len(received.rows)
    for stored in received.rows:
        texts = [value for value in stored if isinstance(value, str)]
        assert not any("\0" in text for text in texts)
        assert orjson.dumps(texts)


@given(ANY_JSON)
def test_any_body_is_decided(body: object) -> None:
    with pytest.raises(Problem):
        read_events(body, now_us=NOW_US, keep_days=KEEP_DAYS)
