"""Events that have no id get the same one again and again, and nothing that a line says is lost."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import DAY_US
from models.errors import InputError
from models.events import EVENT_TYPES
from store.events import EVENT_COLUMNS
from tests.training.importing.shop_files import NOW, NOW_US, event, write_csv, write_json_lines, write_parquet
from tests.worlds import microseconds
from training.importing.events import EventsTarget, event_fields
from training.importing.fields import Reading
from training.importing.files import open_file
from training.importing.occurrences import Occurrences
from training.importing.target import Prepared

AT = {name: position for position, name in enumerate(EVENT_COLUMNS)}


def prepare(path: Path, *, shift_us: int = 0) -> Prepared:
    [batch] = open_file(path).batches()
    return EventsTarget(NOW_US, Reading(), shift_us=shift_us).prepare(batch)


def nameless(**fields: object) -> dict[str, object]:
    return {name: value for name, value in (event() | fields).items() if name != "event_id"}


def test_the_fields_are_the_columns_of_the_store() -> None:
    expected = [name.removesuffix("_us") for name in EVENT_COLUMNS if name != "digest"]
    assert [field.name for field in event_fields(NOW_US)] == expected


def test_an_event_without_an_id_is_named_after_what_it_says_and_which_of_its_kind_it_is(tmp_path: Path) -> None:
    lines = [nameless(), nameless(item_id="other"), nameless(), nameless()]
    ids = [row[0] for row in prepare(write_json_lines(tmp_path / "a.jsonl", lines)).rows]
    content = {**nameless(), "ts_us": 1_793_527_200_000_000, "quantity": 2.0}
    del content["ts"]
    written = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    digest = int.from_bytes(blake2b(written, digest_size=8).digest(), "little")
    first = f"h{1_793_527_200:08x}{digest:016x}"
    assert ids[0] == first
    assert ids[2:] == [f"{first}-2", f"{first}-3"]
    assert ids[1] not in {first, ""}


def test_the_name_is_the_same_whatever_format_says_it(tmp_path: Path) -> None:
    lines = [nameless(quantity=1.5), nameless(quantity=3, order_id=None)]
    paths = (
        write_csv(tmp_path / "a.csv", lines),
        write_json_lines(tmp_path / "a.jsonl", lines),
        write_parquet(tmp_path / "a.parquet", lines),
    )
    rows = [prepare(path).rows for path in paths]
    assert rows[0] == rows[1] == rows[2]


def test_moving_the_times_changes_no_name_and_no_digest(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [nameless()])
    [stays], [moves] = prepare(path).rows, prepare(path, shift_us=-7 * DAY_US).rows
    assert moves[AT["ts_us"]] == stays[AT["ts_us"]] - 7 * DAY_US
    assert [value for at, value in enumerate(moves) if at != AT["ts_us"]] == [
        value for at, value in enumerate(stays) if at != AT["ts_us"]
    ]


@given(st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=8))
def test_occurrences_are_numbered_through_all_batches(batches: list[list[int]]) -> None:
    occurrences, seen = Occurrences(), dict[int, int]()
    for batch in batches:
        numbers = occurrences.number(np.array(batch, dtype=np.int64)).tolist()
        for digest, number in zip(batch, numbers, strict=True):
            seen[digest] = seen.get(digest, 0) + 1
            assert number == seen[digest]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_type": "bought"}, "event_type 'bought' is none of view, add_to_cart"),
        ({"event_type": None}, "event_type is missing"),
        ({"user_id": None}, "user_id and anonymous_id are missing"),
        ({"item_id": None}, "item_id is missing"),
        ({"item_id": "x" * 10_000}, "is longer than 256 characters; shorten it"),
        ({"item_id": "a\tb"}, "holds a control character"),
        ({"ts": None}, "ts is missing"),
        ({"ts": "soon"}, "ts 'soon' is not a time; write RFC 3339"),
        ({"ts": "2026-11-01T10:00:00"}, "name the zone with --timezone"),
        ({"ts": "1970-01-01T00:00:00Z"}, "is before 1990"),
        ({"ts": "2027-11-01T10:00:00Z"}, "is in the future"),
        ({"quantity": 0}, "quantity '0' is not above 0"),
        ({"quantity": -1}, "is not above 0"),
        ({"price": -0.01}, "price '-0.01' is negative"),
        ({"price": float("nan")}, "price 'NaN' is not a number"),
        ({"price": float("inf")}, "is not a number"),
        ({"position": 1.5}, "is not a whole number"),
        ({"properties": [1]}, "is not a JSON object"),
    ],
)
def test_a_line_that_cannot_be_is_rejected_with_its_reason(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    prepared = prepare(write_json_lines(tmp_path / "a.jsonl", [event(1), event(2, **fields), event(3)]))
    assert [row[0] for row in prepared.rows] == ["e1", "e3"]
    [reject] = prepared.rejects
    assert reject.line == 2
    assert reason in reject.reason


def test_a_price_that_is_not_a_number_in_parquet_is_rejected_too(tmp_path: Path) -> None:
    prepared = prepare(write_parquet(tmp_path / "a.parquet", [event(1), event(2, price=float("nan"))]))
    assert [reject.reason.partition(";")[0] for reject in prepared.rejects] == ["price nan is not a number"]


def test_a_search_needs_no_item_and_a_visitor_no_user(tmp_path: Path) -> None:
    search = {
        "event_type": "search",
        "anonymous_id": "v1",
        "ts": "2026-11-01T10:00:00Z",
        "properties": {"query": "milk"},
    }
    [row] = prepare(write_json_lines(tmp_path / "a.jsonl", [search])).rows
    assert row[AT["properties"]] == '{"query":"milk"}'
    assert row[AT["quantity"]] == 1


def test_now_is_the_latest_time(tmp_path: Path) -> None:
    times = [NOW, NOW + timedelta(microseconds=1)]
    prepared = prepare(
        write_json_lines(tmp_path / "a.jsonl", [event(n, ts=at.isoformat()) for n, at in enumerate(times)])
    )
    assert [row[AT["ts_us"]] for row in prepared.rows] == [NOW_US]


def test_a_column_of_the_wrong_type_is_refused_whole(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [event(item_id=[1, 2])])
    with pytest.raises(InputError, match="the column 'item_id' holds"):
        prepare(path)


READABLE_TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.isoformat() + "Z")  # noqa: DTZ001
LINES = st.fixed_dictionaries(
    {"event_type": st.sampled_from([*EVENT_TYPES, "bought", ""]), "ts": READABLE_TIMES | st.text(max_size=5)},
    optional={
        "event_id": st.uuids().map(str),
        "user_id": st.text(max_size=8) | st.integers(),
        "anonymous_id": st.none() | st.text(max_size=300),
        "item_id": st.text(max_size=8) | st.integers() | st.floats(),
        "quantity": st.floats() | st.integers() | st.text(max_size=3),
        "price": st.floats() | st.none() | st.booleans(),
        "position": st.integers(),
        "properties": st.dictionaries(st.text(max_size=3), st.floats() | st.text(max_size=3), max_size=2) | st.text(),
    },
)


@given(st.lists(LINES, min_size=1, max_size=6))
def test_every_line_is_either_a_row_that_says_the_same_or_a_reject(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, object]]
) -> None:
    prepared = prepare(write_json_lines(tmp_path_factory.mktemp("lines") / "a.jsonl", lines))
    numbers = [*prepared.lines.tolist(), *(reject.line for reject in prepared.rejects)]
    assert sorted(numbers) == list(range(1, len(lines) + 1))
    assert all(reject.reason for reject in prepared.rejects)
    for number, row in zip(prepared.lines.tolist(), prepared.rows, strict=True):
        line, kept = lines[number - 1], dict(zip(EVENT_COLUMNS, row, strict=True))
        assert kept["event_type"] == line["event_type"]
        assert kept["ts_us"] == microseconds(datetime.fromisoformat(str(line["ts"])).astimezone(UTC))
        for name in ("user_id", "anonymous_id"):
            assert kept[name] == (None if line.get(name) in {None, ""} else str(line[name]))
        assert kept["price"] == line.get("price")
        assert kept["quantity"] == float(str(line.get("quantity", 1)) or 1)
