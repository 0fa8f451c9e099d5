from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.arrays import DAY_US, Int64
from models.events import CANCELS, CODE_OF, EVENT_TYPES, PURCHASE, shopper_key
from models.history import NEVER_US, NOTHING, Events, History, Memory, Past, Recent, Summary, cancelled, summarise
from tests.worlds import MEMORY, NOW, microseconds

NOW_US = microseconds(NOW)
REFUND, CART, UNCART, VIEW = (CODE_OF[name] for name in ("refund", "add_to_cart", "remove_from_cart", "view"))

Row = tuple[int, int, int, int, float, int]
"""owner, item, type, minutes before NOW, price, order."""


def events_of(rows: list[Row]) -> Events:
    """Rows as columns, by owner and time."""
    ordered = sorted(rows, key=lambda row: (row[0], -row[3]))
    owners, items, types, minutes, prices, orders = zip(*ordered, strict=True) if ordered else [()] * 6
    return Events(
        np.array(owners, np.int32),
        np.array(items, np.int32),
        np.array(types, np.uint8),
        NOW_US - np.array(minutes, np.int64) * 60_000_000,
        np.array(prices, np.float32),
        np.array(orders, np.int32),
    )


def one(*steps: tuple[int, int, int], price: float = 2.0) -> Events:
    """One shopper's events of item 0, a day apart: (type, order, days before NOW)."""
    return events_of([(0, 0, code, days * 1440, price, order) for code, order, days in steps])


def rows(owners: int = 1) -> st.SearchStrategy[list[Row]]:
    event = st.tuples(
        st.integers(0, owners - 1),
        st.integers(0, 4),
        st.integers(0, len(EVENT_TYPES) - 1) | st.sampled_from([PURCHASE, REFUND, CART, UNCART]),
        st.integers(0, 400_000),
        st.just(float("nan")) | st.floats(0.0, 100.0, width=32),
        st.integers(-1, 2),
    )
    return st.lists(event, max_size=40)


def past_of(events: Events, as_of_us: int) -> Past:
    summary = summarise(events, as_of_us, MEMORY)
    return Past(as_of_us, tuple(f"i{item}" for item in summary.items), summary)


def recent_of(events: Events) -> Recent:
    return Recent(tuple(f"i{item}" for item in events.items), replace(events, items=np.zeros_like(events.items)))


def assert_same(ids: tuple[str, ...], got: Summary, expected: Summary) -> None:
    order = np.argsort(ids) if ids else np.zeros(0, np.int64)
    assert sorted(ids) == [f"i{item}" for item in expected.items]
    for name in {field.name for field in fields(Summary)} - {"items", "owners"}:
        # Two roundings to float32 on the way, of sums of at most 40 weights.
        np.testing.assert_allclose(getattr(got, name)[order], getattr(expected, name), rtol=3e-6, atol=1e-9)


@given(rows(), st.integers(0, 400_000))
def test_a_history_cut_anywhere_says_the_same_as_the_whole(drawn: list[Row], cut_minutes: int) -> None:
    whole = events_of(drawn)
    cut_us = NOW_US - cut_minutes * 60_000_000
    before, since = whole.where(whole.ts_us <= cut_us), whole.where(whole.ts_us > cut_us)
    # A refund on the far side of the cut makes the past stale; the store drops such a past.
    assume(np.array_equal(cancelled(whole), np.concatenate([cancelled(before), cancelled(since)])))
    ids, summary = History(past_of(before, cut_us), recent_of(since)).summary(NOW_US, MEMORY)
    assert_same(ids, summary, summarise(whole, NOW_US, MEMORY))


@given(rows(owners=4), st.integers(0, 400_000))
def test_events_after_the_moment_never_count(drawn: list[Row], minutes: int) -> None:
    as_of_us = NOW_US - minutes * 60_000_000
    events = events_of(drawn)
    known = events.where(events.ts_us <= as_of_us)
    for got, expected in zip(
        vars(summarise(events, as_of_us, MEMORY)).values(),
        vars(summarise(known, as_of_us, MEMORY)).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)


@given(rows(owners=4))
def test_all_shoppers_at_once_says_the_same_as_one_by_one(drawn: list[Row]) -> None:
    events = events_of(drawn)
    together = summarise(events, NOW_US, MEMORY)
    for owner in range(4):
        alone = summarise(events.where(events.owners == owner), NOW_US, MEMORY)
        mine = together.take(together.owners == owner)
        for name in vars(mine):
            np.testing.assert_allclose(getattr(mine, name), getattr(alone, name), rtol=1e-6)


@given(rows(owners=3))
def test_what_is_taken_back_is_what_a_plain_search_finds(drawn: list[Row]) -> None:
    events = events_of(drawn)
    expected = np.isin(events.types, list(CANCELS))
    for taker in np.flatnonzero(expected):
        for position in range(taker - 1, -1, -1):
            same = events.owners[position] == events.owners[taker] and events.items[position] == events.items[taker]
            ordered = events.orders[taker] in {-1, events.orders[position]}
            if same and ordered and not expected[position] and events.types[position] == CANCELS[events.types[taker]]:
                expected[position] = True
                break
    np.testing.assert_array_equal(cancelled(events), expected)


def test_a_refund_takes_back_the_newest_purchase_and_leaves_the_others() -> None:
    summary = summarise(one((PURCHASE, -1, 9), (PURCHASE, -1, 5), (REFUND, -1, 1)), NOW_US, MEMORY)
    assert summary.purchases.tolist() == [1]
    assert summary.last_us.tolist() == [NOW_US - 9 * DAY_US]


def test_a_refund_that_names_an_order_takes_back_that_one() -> None:
    summary = summarise(one((PURCHASE, 0, 9), (PURCHASE, 1, 5), (REFUND, 0, 1)), NOW_US, MEMORY)
    assert summary.last_us.tolist() == [NOW_US - 5 * DAY_US]


def test_a_refund_of_nothing_changes_nothing() -> None:
    assert len(summarise(one((REFUND, -1, 9)), NOW_US, MEMORY)) == 0
    assert summarise(one((REFUND, -1, 9), (PURCHASE, -1, 5)), NOW_US, MEMORY).purchases.tolist() == [1]


def test_a_removal_takes_back_the_cart_and_not_the_purchase() -> None:
    summary = summarise(one((PURCHASE, -1, 9), (CART, -1, 5), (UNCART, -1, 1)), NOW_US, MEMORY)
    assert (summary.counts.tolist(), summary.purchases.tolist()) == ([1], [1])


def test_what_has_no_weight_leaves_no_row() -> None:
    silent = Memory(weights=tuple(float(code == PURCHASE) for code in range(len(EVENT_TYPES))), half_life_days=60.0)
    assert len(summarise(one((VIEW, -1, 3)), NOW_US, silent)) == 0


def test_an_event_weighs_half_after_each_half_life() -> None:
    summary = summarise(one((PURCHASE, -1, 0), (PURCHASE, -1, 60), (PURCHASE, -1, 120)), NOW_US, MEMORY)
    np.testing.assert_allclose(summary.decayed, [1 + 0.5 + 0.25], rtol=1e-6)


def test_the_usual_gap_is_the_mean_between_purchases_and_unknown_for_one() -> None:
    twice = summarise(one((PURCHASE, -1, 24), (PURCHASE, -1, 10), (PURCHASE, -1, 4)), NOW_US, MEMORY)
    assert twice.usual_gap_days().tolist() == [10.0]
    assert np.isnan(summarise(one((PURCHASE, -1, 4)), NOW_US, MEMORY).usual_gap_days()).all()


def test_an_unknown_price_is_not_averaged_in() -> None:
    events = one((PURCHASE, -1, 9), (PURCHASE, -1, 5), (PURCHASE, -1, 1))
    priced = replace(events, prices=np.array([np.nan, 2.0, 4.0], np.float32))
    assert summarise(priced, NOW_US, MEMORY).usual_prices.tolist() == [3.0]
    unpriced = summarise(replace(events, prices=np.full(3, np.nan, np.float32)), NOW_US, MEMORY)
    assert np.isnan(unpriced.usual_prices).all()


def test_purchases_of_unknown_price_weigh_nothing_on_either_side_of_a_cut() -> None:
    whole = replace(
        one((PURCHASE, -1, 9), (PURCHASE, -1, 5), (PURCHASE, -1, 1)), prices=np.array([6.0, np.nan, 2.0], np.float32)
    )
    for cut_days in (8, 3):
        cut_us = NOW_US - cut_days * DAY_US
        past, since = whole.where(whole.ts_us <= cut_us), whole.where(whole.ts_us > cut_us)
        _, summary = History(past_of(past, cut_us), recent_of(since)).summary(NOW_US, MEMORY)
        assert (summary.usual_prices.tolist(), summary.priced.tolist()) == ([4.0], [2])


def test_what_was_never_bought_has_no_time_of_purchase() -> None:
    summary = summarise(one((VIEW, -1, 3)), NOW_US, MEMORY)
    assert summary.last_purchase_us.tolist() == [NEVER_US]
    assert summary.first_purchase_us.tolist() == [-NEVER_US]


def test_nobody_has_no_rows() -> None:
    ids, summary = History().summary(NOW_US, MEMORY)
    assert (ids, len(summary), len(NOTHING)) == ((), 0, 0)


def test_a_hundred_thousand_events_half_of_them_refunds_fold_into_nothing() -> None:
    n = 100_000  # minutes, were the work of one shopper anything but in proportion
    types = np.where(np.arange(n) % 2 == 0, PURCHASE, REFUND).astype(np.uint8)
    ts_us: Int64 = NOW_US - np.arange(n, 0, -1, dtype=np.int64)
    zeros = np.zeros(n, np.int32)
    events = Events(zeros, (np.arange(n) // 2 % 300).astype(np.int32), types, ts_us, np.ones(n, np.float32), zeros - 1)
    assert len(summarise(events, NOW_US, MEMORY)) == 0


def test_a_memory_has_one_name_and_another_memory_another() -> None:
    assert MEMORY.digest() == replace(MEMORY, recent_events=5).digest()
    assert MEMORY.digest() != replace(MEMORY, half_life_days=30.0).digest()
    assert MEMORY.digest() != replace(MEMORY, weights=MEMORY.weights[::-1]).digest()


def test_a_cookie_that_equals_a_user_id_is_another_shopper() -> None:
    assert shopper_key("7", None) != shopper_key(None, "7")
    assert shopper_key("7", "cookie") == shopper_key("7", None)


def test_an_event_of_nobody_has_no_shopper() -> None:
    with pytest.raises(ValueError, match="user_id or an anonymous_id"):
        shopper_key(None, "")
