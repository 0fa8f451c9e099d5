from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import numpy as np
import polars as pl
import pytest

from models.context import build_context
from models.errors import TrainingError
from models.events import CODE_OF, PURCHASE
from models.history import summarise
from tests.worlds import MEMORY, NOW, World, event, event_frame, every_world, history_of, item, item_frame, microseconds
from training.data import TrainingData, prepare

DAY = timedelta(days=1)


def prepared(events: pl.DataFrame, items: pl.DataFrame, min_shoppers: int = 2) -> TrainingData:
    return prepare(events, items, until_us=microseconds(NOW), memory=MEMORY, min_shoppers=min_shoppers, seed=1)


def test_warm_items_come_first_and_each_part_lies_by_category_and_id() -> None:
    items = [item("b", ("y",)), item("a", ("y",)), item("d", ("x", "z")), item("c", ("x",)), item("cold", ("a",))]
    rows = [event(f"u:{n}", it, NOW - DAY) for n in range(2) for it in ("a", "b", "d")] + [event("u:0", "c", NOW - DAY)]
    data = prepared(event_frame(rows), item_frame(items))
    assert data.vocabulary.ids == ("d", "a", "b", "cold", "c")
    assert data.n_warm == 3
    assert data.items["item_id"].to_list() == list(data.vocabulary.ids)


def test_an_item_is_warm_by_its_shoppers_not_by_its_events() -> None:
    often = [event("u:0", "often", NOW - n * DAY) for n in range(1, 9)]
    seen = [event(f"u:{n}", "seen", NOW - DAY, "impression") for n in range(9)]
    data = prepared(event_frame(often + seen), item_frame([item("often"), item("seen")]))
    assert data.n_warm == 0, "one shopper, and nine who only had it before their eyes"


def test_nothing_from_the_cutoff_on_is_seen() -> None:
    rows = [event("u:0", "a", NOW - timedelta(microseconds=1)), event("u:0", "a", NOW), event("u:1", "b", NOW + DAY)]
    data = prepared(event_frame(rows), item_frame([item("a"), item("b")]))
    assert data.events.ts_us.tolist() == [microseconds(NOW) - 1]
    assert data.shoppers == ("u:0",)
    assert data.as_of_us == microseconds(NOW) - 1
    assert data.summary.purchases.tolist() == [1]


def test_events_of_items_that_the_catalogue_lacks_are_dropped() -> None:
    rows = [event("u:0", "a", NOW - DAY), event("u:1", "ghost", NOW - DAY)]
    assert prepared(event_frame(rows), item_frame([item("a")])).shoppers == ("u:0",)


@pytest.mark.parametrize(("at_most", "warm"), [(5, "abcd"), (4, "abcd"), (3, "ab"), (2, "ab"), (1, "a"), (0, "")])
def test_where_too_many_items_would_be_warm_the_bar_rises_for_all_alike(at_most: int, warm: str) -> None:
    likes = {"a": 4, "b": 3, "c": 2, "d": 2, "e": 1}
    rows = [event(f"u:{n}", it, NOW - DAY) for it, count in likes.items() for n in range(count)]
    catalogue = item_frame(item(it) for it in likes)
    data = prepare(
        event_frame(rows),
        catalogue,
        until_us=microseconds(NOW),
        memory=MEMORY,
        min_shoppers=2,
        seed=1,
        max_warm_items=at_most,
    )
    assert "".join(data.vocabulary.ids[: data.n_warm]) == warm


@pytest.mark.parametrize(
    "rows", [[], [event("u:0", "ghost", NOW - DAY)], [event("u:0", "a", NOW + DAY)]], ids=["none", "unknown", "later"]
)
def test_no_event_to_learn_from_is_an_error_that_says_what_to_do(rows: list[dict[str, object]]) -> None:
    with pytest.raises(TrainingError, match="import events, or choose a later cutoff"):
        prepared(event_frame(rows), item_frame([item("a")]))


def test_columns_say_what_the_frame_says() -> None:
    rows = [
        event("u:1", "a", NOW - 3 * DAY, "view", price=None, session_id="s"),
        event("u:1", "b", NOW - 2 * DAY, price=7.5, order_id="o", session_id=None),
        event("a:cookie", "b", NOW - DAY, "add_to_cart", price=float("nan")),
    ]
    data = prepared(event_frame(rows), item_frame([item("a"), item("b")]), min_shoppers=1)
    events = data.events
    assert [data.shoppers[owner] for owner in events.owners] == ["a:cookie", "u:1", "u:1"]
    assert [data.vocabulary.ids[row] for row in events.items] == ["b", "a", "b"]
    assert events.types.tolist() == [CODE_OF["add_to_cart"], CODE_OF["view"], PURCHASE]
    np.testing.assert_array_equal(events.prices, np.array([np.nan, np.nan, 7.5], np.float32))
    assert (events.orders >= 0).tolist() == [False, False, True]
    assert (data.sessions >= 0).tolist() == [True, True, False]


def test_orders_and_sessions_of_one_name_are_one_within_a_shopper_and_two_between_shoppers() -> None:
    rows = [
        event(shopper, it, NOW - DAY, order_id="1", session_id="1730419200")
        for shopper in ("u:0", "u:1")
        for it in ("a", "b")
    ]
    data = prepared(event_frame(rows), item_frame([item("a"), item("b")]))
    for numbers in (data.events.orders, data.sessions):
        assert numbers[0] == numbers[1] != numbers[2] == numbers[3]


def test_events_lie_by_owner_and_time_whatever_order_they_came_in() -> None:
    rows = [event(f"u:{n % 3}", "a", NOW - (1 + n * 7 % 10) * DAY) for n in range(10)]
    data = prepared(event_frame(rows).reverse(), item_frame([item("a")]))
    keys = list(zip(data.events.owners.tolist(), data.events.ts_us.tolist(), strict=True))
    assert keys == sorted(keys)


@pytest.mark.parametrize("world", every_world(), ids=lambda world: world.name)
def test_training_and_serving_see_one_history(world: World) -> None:
    """The one law that evaluation stands on: a fit's summary of a shopper is what a request's context holds."""
    data = world.data()
    for owner, shopper in enumerate(data.shoppers[:6]):
        mine = data.summary.take(data.summary.owners == owner)
        events = world.events.filter(pl.col("shopper") == shopper)
        history = history_of(events, before=NOW, cut=NOW - 9 * DAY)
        context = build_context(data.vocabulary, MEMORY, now_us=data.as_of_us, history=history)
        served = context.interactions.take(np.argsort(context.interactions.items))
        for name in set(vars(mine)) - {"owners"}:
            np.testing.assert_allclose(getattr(served, name), getattr(mine, name), rtol=3e-6)


def test_a_summary_is_what_the_events_fold_into() -> None:
    data = every_world()[0].data()
    again = summarise(data.events, data.as_of_us, MEMORY)
    for name, column in vars(data.summary).items():
        np.testing.assert_array_equal(getattr(again, name), column)


def test_the_hundred_thousand_events_of_a_robot_that_refunds_and_removes_all_fold_into_nothing() -> None:
    n = 100_000  # minutes, were the work of one shopper anything but in proportion
    kinds = pl.Series(["purchase", "refund", "add_to_cart", "remove_from_cart"])
    number = pl.int_range(n, eager=True)
    events = pl.DataFrame(
        {
            "event_type": kinds.gather(number % 4),
            "shopper": pl.repeat("u:robot", n, eager=True),
            "item_id": "i" + (number // 4 % 200).cast(pl.String),
            "ts": pl.datetime_range(
                NOW - n * timedelta(seconds=9), NOW, "9s", time_unit="us", closed="left", eager=True
            ),
            "quantity": 1.0,
            "price": 2.0,
            "order_id": pl.Series([None] * n, dtype=pl.String),
            "session_id": pl.Series([None] * n, dtype=pl.String),
        }
    )
    data = prepared(events, item_frame(item(f"i{k}") for k in range(200)), min_shoppers=1)
    assert len(data.summary) == 0, "every purchase was refunded, every cart emptied"


def test_fits_that_begin_with_the_same_work_do_it_once_and_wait_for_whoever_came_first() -> None:
    data = every_world()[0].data()
    began, go_on = Event(), Event()
    done: list[None] = []

    def work() -> object:
        began.set()
        go_on.wait(timeout=10)
        done.append(None)
        return object()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(data.once, "shared", work)
        began.wait(timeout=10)
        second = pool.submit(data.once, "shared", work)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.1)
        go_on.set()
    assert first.result() is second.result()
    assert len(done) == 1
