"""The catalogue and the users are replaced by id, and only what differs counts as a change."""

import numpy as np
import pytest

from store.database import Database
from store.items import ITEM_COLUMNS, read_items, upsert_items
from store.upserts import Upserted
from store.users import read_users, upsert_users
from tests.store.rows import item_row


def upsert(database: Database, *rows: tuple[object, ...], now_us: int = 1) -> Upserted:
    with database.writing() as connection:
        return upsert_items(connection, rows, now_us=now_us)


@pytest.mark.parametrize("n", [3, 1_500])
def test_the_same_items_again_change_nothing(database: Database, n: int) -> None:
    rows = [item_row(f"{i}", embedding=b"\0\1", attributes="{}", margin=0.1) for i in range(n)]
    assert upsert(database, *rows, now_us=1) == Upserted(inserted=n, changed=0, unchanged=0)
    assert upsert(database, *rows, now_us=2) == Upserted(inserted=0, changed=0, unchanged=n)
    assert {changed_us for batch in read_items(database, ("changed_us",)) for (changed_us,) in batch} == {1}


@pytest.mark.parametrize(
    "change", [{"price": 2.51}, {"price": None}, {"in_stock": False}, {"title": ""}, {"brand": "A"}], ids=str
)
def test_an_item_that_differs_in_any_field_is_replaced_and_dated(database: Database, change: dict[str, object]) -> None:
    upsert(database, item_row("a"), item_row("b"), now_us=1)
    assert upsert(database, item_row("a", **change), item_row("b"), now_us=2) == Upserted(0, 1, 1)
    assert next(read_items(database, changed_since_us=2)) == [item_row("a", **change)]


def test_of_two_rows_with_one_id_the_last_counts(database: Database) -> None:
    assert upsert(database, item_row("a", title="first"), item_row("a", title="last")) == Upserted(1, 0, 0)
    assert next(read_items(database, ("title",))) == [("last",)]


def test_every_field_of_an_item_comes_back_as_it_was(database: Database) -> None:
    full = item_row(
        "a",
        group_id="g",
        description="whole",
        category='["dairy", "milk"]',
        brand="69",
        currency="USD",
        margin=0.25,
        available_from_us=1,
        available_until_us=2,
        tags='["organic"]',
        attributes='{"fat": 3.5}',
        image_url="i",
        url="u",
        published_at_us=3,
        embedding=np.array([1, 2], np.float32).tobytes(),
    )
    upsert(database, full)
    assert list(read_items(database)) == [[full]]
    assert len(full) == len(ITEM_COLUMNS)


def test_items_come_by_id_in_batches(database: Database) -> None:
    upsert(database, *(item_row(name) for name in "cab"))
    assert list(read_items(database, ("item_id",), batch_size=2)) == [[("a",), ("b",)], [("c",)]]


def test_users_are_replaced_when_they_differ(database: Database) -> None:
    with database.writing() as connection:
        assert upsert_users(connection, [("1", '{"age": "25-34"}', None), ("2", None, 5)], now_us=1).inserted == 2
        assert upsert_users(connection, [("1", None, None), ("2", None, 5)], now_us=2) == Upserted(0, 1, 1)
    assert list(read_users(database)) == [[("1", None, None), ("2", None, 5)]]
