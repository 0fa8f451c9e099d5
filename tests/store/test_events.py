"""Events are stored once, read back in order, and never lost to another event of the same id."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect

from store.database import Database
from store.events import (
    Appended,
    Outcome,
    append_each,
    append_events,
    data_window,
    deferred_indexes,
    events_of,
    read_events,
)
from store.histories import read_past, write_pasts
from tests.store.rows import event_row, event_rows

FEW_AND_MANY = pytest.mark.parametrize("n", [1, 3, 1_500])  # PostgreSQL takes another way from 1,000 on


def append(database: Database, *rows: tuple[object, ...]) -> Appended:
    with database.writing() as connection:
        return append_events(connection, rows)


def append_one_by_one(database: Database, *rows: tuple[object, ...]) -> list[Outcome]:
    with database.writing() as connection:
        return append_each(connection, rows)


def ids(database: Database, since_us: int | None = None, until_us: int | None = None) -> list[str]:
    batches = read_events(database, since_us, until_us, ("event_id",), batch_size=2)
    return [event_id for batch in batches for (event_id,) in batch]


def index_names(database: Database) -> set[str | None]:
    return {index["name"] for index in inspect(database.engine).get_indexes("events")} - {"events_event_id_key"}


@FEW_AND_MANY
def test_new_events_are_accepted_and_the_same_again_are_duplicates(database: Database, n: int) -> None:
    assert append(database, *event_rows(n)) == Appended(accepted=n, duplicates=0, conflicts=0)
    assert append(database, *event_rows(n)) == Appended(accepted=0, duplicates=n, conflicts=0)
    assert len(ids(database)) == n


@FEW_AND_MANY
def test_another_event_under_a_used_id_is_a_conflict_and_the_first_one_stays(database: Database, n: int) -> None:
    append(database, event_row("e0", digest=-5, item_id="bread"))
    assert append(database, *event_rows(n)) == Appended(accepted=n - 1, duplicates=0, conflicts=1)
    assert next(read_events(database, None, None, ("item_id", "digest")))[0] == ("bread", -5)


@FEW_AND_MANY
def test_an_id_twice_in_one_batch_is_stored_once(database: Database, n: int) -> None:
    rows = [*event_rows(n), event_row("e0"), event_row("e0", digest=8)]
    assert append(database, *rows) == Appended(accepted=n, duplicates=1, conflicts=1)


def test_no_events_are_no_work(database: Database) -> None:
    assert append(database) == Appended(accepted=0, duplicates=0, conflicts=0)


def test_ids_of_any_script_and_length_come_back_as_they_were(database: Database) -> None:
    # 256 characters of four bytes each that do not compress: PostgreSQL indexes no more than 2,704 bytes of a value.
    longest = "".join(chr(0x20000 + (i * 7919) % 40_000) for i in range(256))
    strange = [longest, "牛奶", "\U0001f95b", "a'b\"c\\d%s?:x"]
    append(database, *(event_row(name) for name in strange))
    assert ids(database) == strange
    assert append(database, event_row(strange[3])).duplicates == 1


@pytest.mark.parametrize("batch_size", [1, 2, 3, 50])
def test_reading_gives_every_event_once_in_order_of_arrival(database: Database, batch_size: int) -> None:
    append(database, *(event_row(f"e{ts}", ts_us=ts) for ts in (300, 100, 200)))
    batches = list(read_events(database, None, None, ("event_id", "ts_us"), batch_size=batch_size))
    assert all(0 < len(batch) <= batch_size for batch in batches)
    assert [row for batch in batches for row in batch] == [("e300", 300), ("e100", 100), ("e200", 200)]


def test_a_window_has_its_beginning_and_not_its_end(database: Database) -> None:
    append(database, *(event_row(f"e{ts}", ts_us=ts) for ts in (99, 100, 199, 200)))
    assert ids(database, 100, 200) == ["e100", "e199"]
    assert ids(database, 100) == ["e100", "e199", "e200"]
    assert ids(database, until_us=100) == ["e99"]


def test_money_and_quantities_come_back_as_floats(database: Database) -> None:
    append(database, event_row("a", quantity=0.1, price=19.99, value=4.5), event_row("b", quantity=3, price=None))
    found = next(read_events(database, None, None, ("quantity", "price", "value")))
    assert found == [(0.1, 19.99, 4.5), (3.0, None, None)]
    assert all(isinstance(quantity, float) for quantity, _, _ in found)


def test_a_shopper_s_events_come_newest_first_and_later_arrivals_before_earlier(database: Database) -> None:
    append(database, *(event_row(f"e{i}", ts_us=ts) for i, ts in enumerate((100, 300, 200, 300))))
    append(database, event_row("other", user_id="2", ts_us=400))
    with database.reading() as connection:
        newest = events_of(connection, "u:1", after_us=100, limit=2, columns=("event_id",))
        everything = events_of(connection, "u:1", after_us=None, limit=200, columns=("event_id",))
    assert newest == [("e3",), ("e1",)]
    assert everything == [("e3",), ("e1",), ("e2",), ("e0",)]


def test_an_anonymous_shopper_has_the_events_without_a_user(database: Database) -> None:
    append(
        database,
        event_row("before", user_id=None, anonymous_id="1"),
        event_row("after", user_id="1", anonymous_id="1"),
    )
    with database.reading() as connection:
        assert events_of(connection, "a:1", after_us=None, limit=9, columns=("event_id",)) == [("before",)]
        assert events_of(connection, "u:1", after_us=None, limit=9, columns=("event_id",)) == [("after",)]


def test_the_window_of_the_data_is_its_count_its_ends_and_its_last_arrival(database: Database) -> None:
    with database.reading() as connection:
        nothing = data_window(connection)
    append(database, *(event_row(f"e{ts}", ts_us=ts) for ts in (300, 100, 200)))
    with database.reading() as connection:
        window = data_window(connection)
    assert (nothing.n_events, nothing.first_us, nothing.last_us, nothing.last_seq) == (0, None, None, 0)
    assert (window.n_events, window.first_us, window.last_us, window.last_seq) == (3, 100, 300, 3)


def test_an_empty_table_is_filled_without_its_indexes_and_has_them_afterwards(database: Database) -> None:
    expected = index_names(database)
    with deferred_indexes(database):
        assert index_names(database) == set()
        append(database, event_row("a"))
    assert index_names(database) == expected != set()


def test_a_table_with_events_keeps_its_indexes(database: Database) -> None:
    append(database, event_row("a"))
    with deferred_indexes(database):
        assert index_names(database)


def test_an_import_that_breaks_off_leaves_the_indexes_built(database: Database) -> None:
    expected = index_names(database)
    with pytest.raises(ZeroDivisionError), deferred_indexes(database):
        raise ZeroDivisionError
    assert index_names(database) == expected


def test_an_import_builds_the_indexes_that_a_killed_one_left_out(database: Database) -> None:
    expected = index_names(database)
    append(database, event_row("a"))
    with database.writing() as connection:
        for name in expected:
            connection.exec_driver_sql(f"DROP INDEX {name}")
    with deferred_indexes(database):
        assert index_names(database) == set()
    assert index_names(database) == expected


@FEW_AND_MANY
def test_each_event_of_a_batch_has_an_outcome_in_its_place(database: Database, n: int) -> None:
    append(database, event_row("old"), event_row("taken", digest=-5))
    rows = [event_row("old"), event_row("taken"), *event_rows(n), event_row("e0"), event_row("e0", digest=8)]
    expected = ["duplicate", "conflict", *["accepted"] * n, "duplicate", "conflict"]
    assert append_one_by_one(database, *rows) == expected
    assert ids(database) == ["old", "taken", *(f"e{i}" for i in range(n))]
    assert append_one_by_one(database, *event_rows(n)) == ["duplicate"] * n
    assert append_one_by_one(database) == []


@pytest.mark.parametrize(
    "unfit", [{"user_id": None}, {"ts_us": 2**70}, {"item_id": "\ud800"}, {"event_id": None}, {"quantity": None}]
)
def test_an_event_that_the_database_cannot_keep_is_refused_alone(database: Database, unfit: dict[str, object]) -> None:
    rows = event_rows(21)
    for at in (0, 7, 8, 20):
        rows[at] = event_row(f"e{at}", **unfit) if "event_id" not in unfit else event_row(None)  # type: ignore[arg-type]
    expected = ["refused" if at in {0, 7, 8, 20} else "accepted" for at in range(21)]
    assert append_one_by_one(database, *rows) == expected
    assert ids(database) == [f"e{at}" for at in range(21) if at not in {0, 7, 8, 20}]


def test_an_event_inside_a_past_makes_it_stale_whichever_way_it_comes(database: Database) -> None:
    with database.writing() as connection:
        write_pasts(connection, [("u:1", 100, "m", b"")], seen_seq=0)
    assert append_one_by_one(database, event_row("late", ts_us=101)) == ["accepted"]
    with database.reading() as connection:
        assert read_past(connection, "u:1") is not None
    assert append_one_by_one(database, event_row("early", ts_us=99)) == ["accepted"]
    with database.reading() as connection:
        assert read_past(connection, "u:1") is None


def test_two_processes_that_store_the_same_ids_at_once_accept_each_once(database: Database) -> None:
    def store(digest: int) -> list[Outcome]:
        return append_one_by_one(database, *(event_row(f"e{i}", digest=digest) for i in range(300)))

    with ThreadPoolExecutor(2) as threads:
        outcomes = [set(outcomes) for outcomes in threads.map(store, (7, 8))]
    assert sorted(map(sorted, outcomes)) == [["accepted"], ["conflict"]]
    assert len(ids(database)) == 300
