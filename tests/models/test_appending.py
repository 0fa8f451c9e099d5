"""A history with new events appended is the one that reading all events gives."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.appending import appended
from models.events import EVENT_TYPES
from models.history import Events, History, Memory, Past, Recent, cancelled
from store.database import connect_database
from store.events import append_events
from store.migrate import upgrade
from store.shoppers import event_columns, history_of
from tests.store.rows import event_row
from tests.worlds import MEMORY

Row = tuple[str, str | None, int, float | None, str | None]
"""event_type, item_id, ts_us, price, order_id; in order of arrival."""

AS_OF_US = 1_000
SHORT = replace(MEMORY, recent_events=7)
TAKING_BACK = ("refund", "remove_from_cart")


def rows(types: Sequence[str] = EVENT_TYPES, first_us: int = AS_OF_US + 1) -> st.SearchStrategy[list[Row]]:
    row = st.tuples(
        st.sampled_from(types),
        st.sampled_from(["milk", "bread", "wine"]),
        st.integers(first_us, AS_OF_US + 12),
        st.none() | st.floats(0, 9, width=32),
        st.none() | st.sampled_from(["o1", "o2"]),
    )
    return st.lists(row, max_size=9)


def columns(arrived: Sequence[Row]) -> tuple[tuple[str, ...], Events]:
    return event_columns([*reversed(arrived)])


def read(arrived: Sequence[Row], memory: Memory) -> History:
    """What SQL tells: the newest events after the past, in order of time and then of arrival."""
    ordered = sorted(arrived, key=lambda row: row[2])
    return History(Past(AS_OF_US), Recent(*columns(ordered[-memory.recent_events :])))


def assert_same(got: History | None, expected: History) -> None:
    assert got is not None
    assert got.past is expected.past or got.past == expected.past
    assert got.recent.item_ids == expected.recent.item_ids
    ours, theirs = got.recent.events, expected.recent.events
    for name in {field.name for field in fields(Events)} - {"orders"}:
        assert getattr(ours, name).dtype == getattr(theirs, name).dtype
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    # The numbers of orders are local; what counts is which events have one, and what it lets a refund take back.
    np.testing.assert_array_equal(ours.orders < 0, theirs.orders < 0)
    numbers = np.unique(got.recent.item_ids, return_inverse=True)[1].astype(np.int32)
    np.testing.assert_array_equal(cancelled(replace(ours, items=numbers)), cancelled(replace(theirs, items=numbers)))


GIVING = [name for name in EVENT_TYPES if name not in TAKING_BACK]


@given(rows(), rows(GIVING), st.sampled_from([SHORT, MEMORY]))
def test_appending_says_the_same_as_reading_again(before: list[Row], new: list[Row], memory: Memory) -> None:
    history = read(before, memory)
    cancels_us = [ts_us for event_type, _, ts_us, *_ in before if event_type in TAKING_BACK]
    got = appended(history, *columns(new), memory)
    if got is None:
        assert min(ts_us for _, _, ts_us, *_ in new) < max(cancels_us)
    else:
        # A new event may be older than what a full history has already let go of, and then it comes too late.
        assert_same(got, read([*before, *new], memory))


def test_an_event_that_comes_after_its_own_refund_makes_it_be_read() -> None:
    history = read([("refund", "milk", AS_OF_US + 5, None, "o1")], MEMORY)
    late: Row = ("purchase", "milk", AS_OF_US + 4, 1.0, "o1")
    assert appended(history, *columns([late]), MEMORY) is None
    assert appended(history, *columns([(late[0], late[1], AS_OF_US + 5, *late[3:])]), MEMORY) is not None


@given(rows(GIVING), rows(GIVING), rows(GIVING))
def test_appending_twice_is_appending_once(before: list[Row], first: list[Row], second: list[Row]) -> None:
    history = read(before, SHORT)
    once = appended(history, *columns([*first, *second]), SHORT)
    middle = appended(history, *columns(first), SHORT)
    assert once is not None
    assert middle is not None
    assert_same(appended(middle, *columns(second), SHORT), once)


@given(rows(), rows(GIVING), st.integers(0, AS_OF_US), st.integers(0, 9))
def test_an_event_that_is_not_later_than_the_past_makes_it_be_read(
    before: list[Row], new: list[Row], ts_us: int, at: int
) -> None:
    late: Row = ("view", "milk", ts_us, None, None)
    assert appended(read(before, SHORT), *columns([*new[:at], late, *new[at:]]), SHORT) is None


@pytest.mark.parametrize("event_type", TAKING_BACK)
def test_an_event_that_takes_another_back_makes_it_be_read(event_type: str) -> None:
    new: list[Row] = [("view", "milk", AS_OF_US + 1, None, None), (event_type, "milk", AS_OF_US + 2, None, None)]
    assert appended(History(Past(AS_OF_US)), *columns(new), MEMORY) is None


def test_without_new_events_about_items_the_history_stays() -> None:
    history = read([("view", "milk", AS_OF_US + 1, None, None)], MEMORY)
    assert appended(history, *columns([("search", None, AS_OF_US + 2, None, None)]), MEMORY) is history


def test_appending_does_not_change_the_history_it_was_given() -> None:
    history = read([("purchase", "milk", AS_OF_US + 1, 1.0, "o1")], MEMORY)
    kept = [getattr(history.recent.events, field.name).copy() for field in fields(Events)]
    appended(history, *columns([("purchase", "milk", AS_OF_US + 1, 1.0, "o1")]), MEMORY)
    for field, column in zip(fields(Events), kept, strict=True):
        np.testing.assert_array_equal(getattr(history.recent.events, field.name), column)


@pytest.mark.parametrize("seed", range(5))
def test_appending_says_the_same_as_the_database(seed: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(seed)
    database = connect_database(f"sqlite:///{tmp_path / 'endcap.sqlite3'}")
    upgrade(database)
    history: History | None = None
    for batch in range(12):
        drawn = [_drawn(chance, f"{batch}/{number}") for number in range(4)]
        with database.writing() as connection:
            append_events(connection, [event_row(**row) for row in drawn])
        with database.reading() as connection:
            again = history_of(connection, "u:1", SHORT, AS_OF_US + 1)
        if history is not None:
            new: list[Row] = [
                (row["event_type"], row["item_id"], row["ts_us"], row["price"], row["order_id"]) for row in drawn
            ]
            assert_same(appended(history, *columns(new), SHORT), again)
        history = again
    database.close()


def _drawn(chance: np.random.Generator, event_id: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": str(chance.choice(["view", "purchase", "search"])),
        "item_id": None if chance.random() < 0.3 else str(chance.choice(["milk", "bread"])),
        "ts_us": AS_OF_US + 1 + int(chance.integers(0, 30)),
        "price": 2.5,
        "order_id": None if chance.random() < 0.3 else str(chance.choice(["o1", "o2"])),
    }
