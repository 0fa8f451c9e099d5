"""A shopper's history says the same whether training left a past, left none, or left one that went stale."""

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import DAY_US
from models.history import History, Memory
from models.packing import pack
from store.database import Database
from store.events import append_events
from store.histories import delete_past, write_pasts
from store.shoppers import history_of
from tests.store.rows import event_row
from tests.worlds import MEMORY

UNTIL_US = 100 * DAY_US
"""Where the training data ends."""
NOW_US = 110 * DAY_US

BEFORE = [
    event_row("1", item_id="milk", ts_us=10 * DAY_US, order_id="o1"),
    event_row("2", item_id="milk", ts_us=20 * DAY_US, order_id="o2"),
    event_row("3", item_id="bread", ts_us=99 * DAY_US, event_type="view"),
    event_row("4", item_id=None, ts_us=99 * DAY_US, event_type="search"),
]
SINCE = [
    event_row("5", item_id="milk", ts_us=UNTIL_US, order_id="o3"),
    event_row("6", item_id="soap", ts_us=UNTIL_US + DAY_US, event_type="add_to_cart"),
]
OF_ANOTHER = event_row("7", item_id="wine", ts_us=50 * DAY_US, user_id="2")


def asked(database: Database, memory: Memory = MEMORY, until_us: int = UNTIL_US) -> History:
    with database.reading() as connection:
        return history_of(connection, "u:1", memory, until_us)


def told(history: History, memory: Memory = MEMORY) -> dict[str, tuple[float, ...]]:
    """What a history says of each item: counts, weight and times."""
    ids, rows = history.summary(NOW_US, memory)
    columns = (
        rows.counts,
        rows.purchases,
        rows.first_us,
        rows.last_us,
        rows.decayed.round(5),
        np.nan_to_num(rows.usual_prices),
    )
    return {item_id: tuple(column[number].item() for column in columns) for number, item_id in enumerate(ids)}


def train(database: Database) -> None:
    """Leave what a training leaves: the past of each shopper."""
    past = asked(database).past
    with database.writing() as connection:
        write_pasts(connection, [("u:1", past.as_of_us, MEMORY.digest(), pack(past))], seen_seq=2**31)


@pytest.fixture(autouse=True)
def shop(database: Database) -> None:
    with database.writing() as connection:
        append_events(connection, [*BEFORE, OF_ANOTHER])


def append(database: Database, *rows: tuple[object, ...]) -> None:
    with database.writing() as connection:
        append_events(connection, rows)


def whole(database: Database) -> dict[str, tuple[float, ...]]:
    """What the events alone say when nothing is cut: all of them are past."""
    with database.writing() as connection:
        delete_past(connection, "u:1")
    return told(asked(database, replace(MEMORY, recent_events=1), until_us=NOW_US))


def test_a_past_and_the_events_since_say_what_all_events_say(database: Database) -> None:
    train(database)
    append(database, *SINCE)
    history = asked(database)
    assert history.past.as_of_us == UNTIL_US - 1
    assert history.recent.item_ids == ("milk", "soap")
    assert told(history) == whole(database)
    assert told(history)["milk"][:2] == (3, 3)


def test_without_a_past_the_events_say_the_same(database: Database) -> None:
    append(database, *SINCE)
    without = told(asked(database))
    train(database)
    assert told(asked(database)) == without


def test_a_late_event_counts(database: Database) -> None:
    train(database)
    append(database, event_row("late", item_id="tea", ts_us=5 * DAY_US))
    assert told(asked(database))["tea"][:2] == (1, 1)
    assert told(asked(database)) == whole(database)


@pytest.mark.parametrize("order", [None, "o2"])
@pytest.mark.parametrize("trained", [True, False])
def test_a_refund_since_the_training_takes_back_what_was_bought_before(
    database: Database, order: str | None, *, trained: bool
) -> None:
    if trained:
        train(database)
    append(database, event_row("r", item_id="milk", ts_us=UNTIL_US + 1, event_type="refund", order_id=order))
    milk = told(asked(database))["milk"]
    assert milk[:4] == (1, 1, 10 * DAY_US, 10 * DAY_US)
    assert told(asked(database)) == whole(database)


def test_a_past_of_another_memory_is_built_again(database: Database) -> None:
    train(database)
    shorter = replace(MEMORY, half_life_days=10.0)
    assert told(asked(database, shorter), shorter)["milk"][4] < told(asked(database))["milk"][4]


def test_a_damaged_past_is_built_again(database: Database) -> None:
    without = told(asked(database))
    with database.writing() as connection:
        write_pasts(connection, [("u:1", UNTIL_US - 1, MEMORY.digest(), b"{}\n")], seen_seq=2**31)
    assert told(asked(database)) == without


def test_a_past_of_an_older_training_is_joined_by_all_events_since(database: Database) -> None:
    with database.reading() as connection:
        past = history_of(connection, "u:1", MEMORY, 15 * DAY_US).past
    with database.writing() as connection:
        write_pasts(connection, [("u:1", past.as_of_us, MEMORY.digest(), pack(past))], seen_seq=2**31)
    assert asked(database).recent.item_ids == ("milk", "bread")
    assert told(asked(database)) == whole(database)


def test_of_the_events_since_the_newest_are_kept(database: Database) -> None:
    train(database)
    append(database, *(event_row(f"n{k}", item_id=f"i{k}", ts_us=UNTIL_US + k) for k in range(9)))
    assert asked(database, replace(MEMORY, recent_events=3)).recent.item_ids == ("i6", "i7", "i8")


def test_a_shopper_of_whom_nothing_is_known_has_an_empty_history(database: Database) -> None:
    with database.reading() as connection:
        assert told(history_of(connection, "u:nobody", MEMORY, UNTIL_US)) == {}
        assert told(history_of(connection, "a:1", MEMORY, UNTIL_US)) == {}
