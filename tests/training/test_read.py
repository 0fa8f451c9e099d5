"""What training reads of a shop, from both kinds of database."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models.errors import TrainingError
from models.events import shopper_key
from store.database import Database
from store.events import append_events
from store.items import upsert_items
from tests.shops import corner_shop, stock
from tests.store.rows import event_row, item_row
from tests.worlds import EVENT_SCHEMA, ITEM_SCHEMA
from training.read import read_shop

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def put(database: Database, events: list[tuple[object, ...]], items: list[tuple[object, ...]]) -> None:
    with database.writing() as connection:
        append_events(connection, events)
        upsert_items(connection, items, now_us=1)


def test_a_shop_comes_back_as_it_was_put(database: Database) -> None:
    put_in = corner_shop()
    stock(database, put_in)
    shop = read_shop(database)
    assert_frame_equal(shop.events.drop("session_id"), put_in.events.drop("session_id"))
    columns = ["item_id", "title", "category", "price", "in_stock", "published_at"]
    assert_frame_equal(shop.items.select(columns), put_in.items.select(columns).sort("item_id"))


def test_the_frames_have_the_columns_and_types_that_training_works_on(database: Database) -> None:
    put(database, [event_row("1")], [item_row("milk")])
    shop = read_shop(database)
    assert dict(shop.events.schema) == EVENT_SCHEMA
    assert dict(shop.items.schema) == ITEM_SCHEMA


def test_events_come_by_shopper_then_time_then_arrival(database: Database) -> None:
    rows = [
        event_row("1", user_id="b", ts_us=5, item_id="late"),
        event_row("2", user_id="a", ts_us=7, item_id="second"),
        event_row("3", user_id="b", ts_us=3, item_id="early"),
        event_row("4", user_id="a", ts_us=7, item_id="third"),
        event_row("5", user_id="a", ts_us=6, item_id="first"),
    ]
    put(database, rows, [item_row("milk")])
    events = read_shop(database).events
    assert events["item_id"].to_list() == ["first", "second", "third", "early", "late"]
    assert events["ts"].to_list() == [EPOCH + timedelta(microseconds=us) for us in (6, 7, 7, 3, 5)]


@pytest.mark.parametrize(("user", "anonymous"), [("1", None), (None, "1"), ("1", "x"), (" ", None)])
def test_shoppers_have_the_key_that_serving_asks_with(database: Database, user: str, anonymous: str) -> None:
    put(database, [event_row("1", user_id=user, anonymous_id=anonymous)], [item_row("milk")])
    assert read_shop(database).events["shopper"].to_list() == [shopper_key(user, anonymous)]


def test_an_event_without_an_item_is_left_out(database: Database) -> None:
    put(database, [event_row("1", item_id=None, event_type="search"), event_row("2")], [item_row("milk")])
    assert read_shop(database).events["item_id"].to_list() == ["milk"]


def test_what_is_not_known_is_null_and_lists_are_lists(database: Database) -> None:
    rows = [
        item_row("bare", title=None, price=None),
        item_row("full", category='["food", "bread \\"rye\\""]', tags='["bio"]', attributes='{"size": 3}'),
        item_row("vector", embedding=np.array([1, 0.5], "<f4").tobytes(), available_from_us=10**15),
    ]
    put(database, [event_row("1", price=None)], rows)
    shop = read_shop(database)
    bare, full, vector = shop.items.sort("item_id").to_dicts()
    assert (bare["title"], bare["price"], bare["category"], bare["tags"], bare["embedding"]) == (
        None,
        None,
        [],
        [],
        None,
    )
    assert (full["category"], full["tags"], full["attributes"]) == (["food", 'bread "rye"'], ["bio"], '{"size": 3}')
    assert vector["embedding"] == [1, 0.5]
    assert vector["available_from"] == EPOCH + timedelta(microseconds=10**15)
    assert shop.events["price"].to_list() == [None]


def test_the_newest_arrival_is_known_so_that_later_ones_can_make_pasts_stale(database: Database) -> None:
    put(database, [event_row("1", ts_us=9), event_row("2", ts_us=1)], [item_row("milk")])
    seen = read_shop(database).last_seq
    put(database, [event_row("3", ts_us=1)], [])
    assert read_shop(database).last_seq > seen > 0


def test_more_events_than_one_batch_are_all_read(database: Database) -> None:
    put(database, [event_row(f"e{k}", user_id=str(k % 7), ts_us=k) for k in range(50_001)], [item_row("milk")])
    events = read_shop(database).events
    assert len(events) == 50_001
    assert events.group_by("shopper").agg(pl.col("ts").is_sorted())["ts"].all()


def test_a_shop_without_events_or_items_is_refused_with_what_to_do(database: Database) -> None:
    with pytest.raises(
        TrainingError, match="no events; run `endcap import complete-journey` or `endcap import events`"
    ):
        read_shop(database)
    put(database, [event_row("1")], [])
    with pytest.raises(TrainingError, match="the catalogue is empty; run `endcap import items PATH`"):
        read_shop(database)
