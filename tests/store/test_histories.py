"""A stored past is exactly what training wrote, until an event comes that makes it untrue."""

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest

from store.bulk import Row
from store.database import Database
from store.events import append_events, data_window, settled_seq
from store.histories import StoredPast, delete_past, read_past, write_pasts
from tests.store.rows import event_row, event_rows

AS_OF_US = 100


def write(database: Database, *shoppers: str, seen_seq: int = 0) -> int:
    with database.writing() as connection:
        return write_pasts(connection, [(name, AS_OF_US, "m1", name.encode()) for name in shoppers], seen_seq=seen_seq)


def kept(database: Database, *shoppers: str) -> list[str]:
    with database.reading() as connection:
        return [name for name in shoppers if read_past(connection, name) is not None]


def append(database: Database, *rows: Row) -> None:
    with database.writing() as connection:
        append_events(connection, rows)


def test_a_past_comes_back_as_it_was_written(database: Database) -> None:
    packed = bytes(range(256))
    with database.writing() as connection:
        write_pasts(connection, [("u:1", AS_OF_US, "m1", packed)], seen_seq=0)
    with database.reading() as connection:
        assert read_past(connection, "u:1") == StoredPast(AS_OF_US, "m1", packed)
        assert read_past(connection, "u:2") is None


@pytest.mark.parametrize("n", [1, 2_500])
def test_writing_pasts_replaces_all_of_them(database: Database, n: int) -> None:
    write(database, "u:old")
    assert write(database, *(f"u:{i}" for i in range(n))) == n
    assert kept(database, "u:old", "u:0", f"u:{n - 1}") == ["u:0", f"u:{n - 1}"]


@pytest.mark.parametrize(
    ("event", "left"),
    [
        ({"ts_us": AS_OF_US + 1}, ["u:1"]),
        ({"ts_us": AS_OF_US}, []),
        ({"ts_us": 1}, []),
        ({"ts_us": AS_OF_US + 1, "event_type": "refund"}, []),
        ({"ts_us": AS_OF_US + 1, "event_type": "remove_from_cart"}, []),
        ({"ts_us": 1, "user_id": "2"}, ["u:1"]),
        ({"ts_us": 1, "user_id": None, "anonymous_id": "1"}, ["u:1"]),
        ({"ts_us": 1, "user_id": "1", "anonymous_id": "9"}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_others", [0, 1_000])
def test_a_past_goes_when_an_event_lies_inside_it_or_takes_back(
    database: Database, event: dict[str, object], left: list[str], n_others: int
) -> None:
    write(database, "u:1")
    append(database, event_row("e", **event), *event_rows(n_others, "other", user_id="3"))
    assert kept(database, "u:1") == left


def test_only_the_pasts_of_the_shoppers_concerned_go(database: Database) -> None:
    write(database, "u:1", "u:2", "a:1")
    append(database, event_row("e", ts_us=1, user_id=None, anonymous_id="1"))
    assert kept(database, "u:1", "u:2", "a:1") == ["u:1", "u:2"]


def test_the_same_events_again_leave_the_pasts_alone(database: Database) -> None:
    append(database, event_row("e", ts_us=1))
    write(database, "u:1", seen_seq=1)
    append(database, event_row("e", ts_us=1))
    append(database, event_row("new", ts_us=AS_OF_US + 1))
    assert kept(database, "u:1") == ["u:1"]


def test_a_late_event_that_arrived_while_training_read_keeps_its_past_from_being_written(database: Database) -> None:
    append(database, event_row("seen", ts_us=1), event_row("seen too", ts_us=1, user_id="2"))
    with database.reading() as connection:
        seen_seq = data_window(connection).last_seq
    append(database, event_row("unseen", ts_us=2))
    assert write(database, "u:1", "u:2", seen_seq=seen_seq) == 1
    assert kept(database, "u:1", "u:2") == ["u:2"]


def test_what_is_being_stored_when_training_begins_to_read_is_waited_for(database: Database) -> None:
    stored, may_commit = Event(), Event()

    def store() -> None:
        with database.writing() as connection:
            append_events(connection, [event_row("slow", ts_us=1)])
            stored.set()
            assert may_commit.wait(60)

    with ThreadPoolExecutor(2) as threads:
        storing = threads.submit(store)
        assert stored.wait(60)
        reading = threads.submit(settled_seq, database)
        # One that does not wait has read long before this.
        wait([reading], timeout=0.3)
        may_commit.set()
        storing.result(60)
        seen_seq = reading.result(60)
    with database.reading() as connection:
        assert seen_seq == data_window(connection).last_seq == 1


def test_a_past_can_be_dropped_by_itself(database: Database) -> None:
    write(database, "u:1", "u:2")
    with database.writing() as connection:
        delete_past(connection, "u:1")
    assert kept(database, "u:1", "u:2") == ["u:2"]
