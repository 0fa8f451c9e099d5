"""Wherever training cut it, and in whatever order events arrived, a history says what all events say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from models.arrays import DAY_US
from models.events import EVENT_TYPES
from models.history import Summary
from models.packing import unpack
from store.bulk import Row
from store.database import Database
from store.events import append_events, data_window
from store.histories import write_pasts
from store.schema import events as events_table
from store.schema import histories as histories_table
from store.shoppers import history_of
from tests.store.rows import event_row, event_rows
from tests.worlds import MEMORY, event, event_frame, item, item_frame
from training.data import prepare
from training.pasts import stored_pasts

ITEMS = ("milk", "bread", "soap")
LAST_DAY = 12
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[Row], int, int]:
    """One shopper's events in order of arrival, how many of them training reads, and where its data ends."""
    rows = []
    for number in range(draw(st.integers(1, 12))):
        event_type = draw(st.sampled_from(["purchase"] * 3 + ["refund"] * 2 + list(EVENT_TYPES)))
        rows.append(
            event_row(
                f"e{number}",
                event_type=event_type,
                item_id=draw(st.sampled_from(ITEMS)),
                ts_us=draw(st.integers(1, LAST_DAY)) * DAY_US,
                price=draw(st.sampled_from([None, 2.5, 3.0])),
                order_id=draw(st.sampled_from([None, "o1", "o2"])),
            )
        )
    n_read = draw(st.integers(0, len(rows)))
    return rows, n_read, max((row[7] for row in rows[:n_read]), default=0) + 1


def trained(rows: Sequence[Row], until_us: int) -> list[tuple[str, int, str, bytes]]:
    """What a training writes that read these events and takes those before `until_us`."""
    read = [
        event("u:1", row[6], EPOCH + timedelta(microseconds=row[7]), row[2], price=row[9], order_id=row[11])
        for row in rows
        if row[7] < until_us
    ]
    if not read:
        return []
    catalogue = item_frame(item(it) for it in ITEMS)
    data = prepare(event_frame(read), catalogue, until_us=until_us, memory=MEMORY, min_shoppers=1, seed=1)
    return list(stored_pasts(data))


def by_item(item_ids: Sequence[str], rows: Summary) -> dict[str, list[str]]:
    """Rows by item, whatever their order; sums of the same numbers in another order differ in the last bits."""
    columns = [name for name in rows.__dataclass_fields__ if name not in {"owners", "items"}]
    return {
        item_id: [f"{name} {getattr(rows, name)[place]:.4f}" for name in columns]
        for place, item_id in enumerate(item_ids)
    }


def past_that_training_writes(rows: Sequence[Row], until_us: int) -> dict[str, list[str]]:
    pasts = [unpack(packed) for *_, packed in trained(rows, until_us)]
    return by_item(pasts[0].item_ids, pasts[0].rows) if pasts else {}


def clear(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(delete(events_table))
        connection.execute(delete(histories_table))


@given(shop=shops())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_past_and_recent_are_everything(shop: tuple[list[Row], int, int], database: Database) -> None:
    rows, n_read, until_us = shop
    clear(database)
    with database.writing() as connection:
        append_events(connection, rows[:n_read])
        seen_seq = data_window(connection).last_seq
        # Some arrive while training runs and some after it: both make stale what they change.
        append_events(connection, rows[n_read : n_read + 2])
        write_pasts(connection, trained(rows[:n_read], until_us), seen_seq=seen_seq)
        append_events(connection, rows[n_read + 2 :])
    with database.reading() as connection:
        history = history_of(connection, "u:1", MEMORY, until_us)
    now_us = (LAST_DAY + 2) * DAY_US
    assert by_item(*history.summary(now_us - 1, MEMORY)) == past_that_training_writes(rows, now_us)


@given(shop=shops())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_past_built_from_events_is_what_training_writes(shop: tuple[list[Row], int, int], database: Database) -> None:
    rows, _, until_us = shop
    # What is taken back later is in no past that is built later, but was in the one that training wrote.
    assume(not any(row[2] in {"refund", "remove_from_cart"} and row[7] >= until_us for row in rows))
    clear(database)
    with database.writing() as connection:
        append_events(connection, rows)
    with database.reading() as connection:
        past = history_of(connection, "u:1", MEMORY, until_us).past
    assert past.as_of_us == until_us - 1
    assert by_item(past.item_ids, past.rows) == past_that_training_writes(rows, until_us)


def test_a_shopper_with_a_hundred_thousand_events_is_answered(database: Database) -> None:
    n = 100_000
    rows = event_rows(n)
    rows = [(*row[:6], f"i{number % 700}", number * 1_000, *row[8:]) for number, row in enumerate(rows)]
    with database.writing() as connection:
        append_events(connection, rows)
    with database.reading() as connection:
        history = history_of(connection, "u:1", MEMORY, n * 1_000 // 2)
    assert int(history.past.rows.counts.sum()) == n // 2
    assert len(history.past.item_ids) == 700
    assert len(history.recent.item_ids) == MEMORY.recent_events
    assert history.recent.item_ids[-1] == f"i{(n - 1) % 700}"
