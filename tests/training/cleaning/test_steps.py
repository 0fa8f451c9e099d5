"""Each step fires in the shop that needs it, and leaves the others in peace."""

from datetime import timedelta
from typing import Any

import pytest

from tests.training.cleaning.shops import only, shop_of
from tests.worlds import NOW, event, item

DAY = timedelta(days=1)
ago = timedelta


def kept(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(f"{row['event_type']} {row['item_id']}" for row in rows)


# ---- cancellations


def bought(it: str, days_ago: float, quantity: float | None = 1.0, order_id: str | None = None) -> dict[str, Any]:
    return event("u:a", it, NOW - ago(days=days_ago), quantity=quantity, order_id=order_id)


def refund(it: str, days_ago: float, quantity: float | None = 1.0, order_id: str | None = None) -> dict[str, Any]:
    return event("u:a", it, NOW - ago(days=days_ago), "refund", quantity=quantity, order_id=order_id)


def test_a_purchase_that_was_refunded_goes_with_its_refund() -> None:
    rows, report = only("cancellations", shop_of([bought("tea", 3), bought("rice", 3), refund("tea", 2)]))
    assert kept(rows) == ["purchase rice"]
    assert report.counts()["cancellations"] == {
        "events": 2,
        "cancellations": 1,
        "taken_back": 1,
        "in_part": 0,
        "without_match": 0,
    }


def test_a_purchase_of_which_a_piece_was_kept_stands() -> None:
    rows, report = only("cancellations", shop_of([bought("glass", 3, 48), refund("glass", 2, 2)]))
    assert kept(rows) == ["purchase glass"]
    assert report.counts()["cancellations"]["in_part"] == 1


def test_pieces_add_up_until_nothing_was_kept() -> None:
    events = [bought("glass", 5, 4), refund("glass", 3, 1), refund("glass", 2, 3), bought("rice", 1)]
    rows, report = only("cancellations", shop_of(events))
    assert kept(rows) == ["purchase rice"]
    assert (report.counts()["cancellations"]["taken_back"], report.counts()["cancellations"]["in_part"]) == (1, 0)


def test_a_refund_of_more_than_one_purchase_takes_them_back_newest_first() -> None:
    events = [bought("glass", 9, 5), bought("glass", 8, 2), bought("glass", 7, 2), refund("glass", 1, 4.5)]
    rows, _ = only("cancellations", shop_of(events))
    assert [row["quantity"] for row in rows] == [5]


def test_a_refund_is_matched_to_the_purchase_of_the_same_quantity_before_any_newer_one() -> None:
    rows, _ = only("cancellations", shop_of([bought("tea", 9, 12), bought("tea", 5, 30), refund("tea", 1, 12)]))
    assert [row["quantity"] for row in rows] == [30]


def test_a_refund_that_names_its_order_takes_back_of_that_order_alone() -> None:
    events = [bought("tea", 9, order_id="o1"), bought("tea", 5, order_id="o2"), refund("tea", 1, order_id="o1")]
    rows, _ = only("cancellations", shop_of(events))
    assert [row["order_id"] for row in rows] == ["o2"]
    rows, report = only("cancellations", shop_of([bought("tea", 9, order_id="o1"), refund("tea", 1, order_id="o3")]))
    assert [row["order_id"] for row in rows] == ["o1"]
    assert report.counts()["cancellations"]["without_match"] == 1


def test_a_refund_without_a_quantity_takes_one_purchase_back_whole() -> None:
    rows, _ = only("cancellations", shop_of([bought("tea", 9, 3), bought("tea", 5, 12), refund("tea", 1, None)]))
    assert [row["quantity"] for row in rows] == [3]


@pytest.mark.parametrize(
    "other",
    [
        event("u:b", "tea", NOW - 3 * DAY),
        event("u:a", "rice", NOW - 3 * DAY),
        event("u:a", "tea", NOW - DAY),
        event("u:a", "tea", NOW - 3 * DAY, "add_to_cart"),
    ],
    ids=["of another shopper", "of another item", "later", "of another kind"],
)
def test_a_refund_takes_back_nothing_else(other: dict[str, Any]) -> None:
    rows, _ = only("cancellations", shop_of([other, refund("tea", 2)]))
    assert kept(rows) == [f"{other['event_type']} {other['item_id']}"]


def test_what_was_put_back_from_the_cart_goes() -> None:
    moves = ["add_to_cart", "remove_from_cart", "add_to_cart"]
    rows, _ = only(
        "cancellations", shop_of(event("u:a", "tea", NOW - ago(hours=9 - k), m) for k, m in enumerate(moves))
    )
    assert kept(rows) == ["add_to_cart tea"]


def test_twenty_thousand_purchases_and_refunds_of_one_item_are_matched_in_a_second_not_in_hours() -> None:
    """Quantities never agree and each refund is of a piece: to scan what stands would be 10^8 steps."""
    n = 20_000
    events = [bought("tea", 90 + k / n, 7) for k in range(n)] + [refund("tea", 30 + k / n, 6) for k in range(n)]
    rows, _ = only("cancellations", shop_of(events))
    assert len(rows) == n - 6 * n // 7


# ---- repeats


def viewed(it: str, seconds_ago: float, shopper: str = "u:a", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns
    return event(shopper, it, NOW - ago(seconds=seconds_ago), "view", **more)


def test_what_is_done_again_within_seconds_is_once_however_long_the_chain() -> None:
    rows, report = only("repeats", shop_of([viewed("tea", 60 - 6 * k) for k in range(10)]))
    assert [row["ts"] for row in rows] == [NOW - ago(seconds=60)]
    assert report.counts()["repeats"] == {"events": 9, "shoppers": 1}


def test_a_till_that_prints_a_line_for_each_piece_sold_it_once() -> None:
    rows, _ = only("repeats", shop_of([event("u:a", "tea", NOW - DAY, order_id="o1") for _ in range(3)]))
    assert len(rows) == 1


@pytest.mark.parametrize(
    "other",
    [
        viewed("tea", 40),
        viewed("rice", 55),
        viewed("tea", 55, "u:b"),
        event("u:a", "tea", NOW - ago(seconds=55), "add_to_cart"),
        viewed("tea", 55, order_id="another"),
    ],
    ids=["later", "another item", "another shopper", "another kind", "another order"],
)
def test_what_differs_is_no_repeat(other: dict[str, Any]) -> None:
    rows, _ = only("repeats", shop_of([viewed("tea", 60), other]))
    assert len(rows) == 2


# ---- robots


def crawl(n: int, seconds_apart: float, event_type: str = "view") -> list[dict[str, Any]]:
    """One shopper and n different items, the last an hour before NOW's midnight."""
    start = NOW - ago(seconds=3600 + seconds_apart * n)
    return [event("a:crawler", f"i{k}", start + ago(seconds=seconds_apart * k), event_type) for k in range(n)]


@pytest.mark.parametrize(("n", "seconds_apart"), [(450, 8), (600, 100)], ids=["in an hour", "in a day"])
def test_who_looks_at_more_than_a_person_can_is_not_learned_from(n: int, seconds_apart: float) -> None:
    shop = shop_of([*crawl(n, seconds_apart), viewed("tea", 60)])
    rows, report = only("robots", shop)
    assert kept(rows) == ["view tea"]
    assert report.counts()["robots"] == {"events": n, "shoppers": 1}
    assert "'a:crawler'" in report.removed[0].what


def test_what_a_robot_paid_for_stays() -> None:
    shop = shop_of([*crawl(600, 5), event("a:crawler", "tea", NOW - DAY)])
    assert kept(only("robots", shop)[0]) == ["purchase tea"]


@pytest.mark.parametrize(
    "events",
    [
        crawl(541, 0.0, "purchase"),
        crawl(150, 20),
        crawl(490, 170),
        [viewed("tea", 3 * k) for k in range(2000)],
    ],
    ids=["a wholesaler's order", "an evening's stroll", "a whole day of it", "one page left to reload"],
)
def test_who_does_much_that_a_person_can_do_is_no_robot(events: list[dict[str, Any]]) -> None:
    assert len(only("robots", shop_of(events))[0]) == len(events)


# ---- prices


def paid(price: float | None, k: int, event_type: str = "purchase") -> dict[str, Any]:
    return event(f"u:{k}", "tea", NOW - k * DAY, event_type, price=price)


@pytest.mark.parametrize("odd", [200.0, 0.01, -2.0, float("inf")])
def test_a_price_that_nobody_asked_is_forgotten_and_the_purchase_stays(odd: float) -> None:
    rows, report = only("prices", shop_of([paid(odd, 1), *(paid(2.0, k) for k in range(2, 9))]))
    assert sorted((row["price"] for row in rows), key=str) == [2.0] * 7 + [None]
    assert report.counts()["prices"] == {"events": 0, "prices": 1}


@pytest.mark.parametrize("fair", [0.0, 0.1, 90.0, None])
def test_gifts_discounts_and_dear_times_are_prices(fair: float | None) -> None:
    rows, report = only("prices", shop_of([paid(fair, 1), *(paid(2.0, k) for k in range(2, 9))]))
    assert fair in [row["price"] for row in rows]
    assert report.counts()["prices"]["prices"] == 0


def test_of_few_prices_none_is_usual() -> None:
    _, report = only("prices", shop_of([paid(0.01, 1), *(paid(2.0, k) for k in range(2, 5))]))
    assert report.counts()["prices"]["prices"] == 0


def test_what_is_not_bought_has_no_price_to_be_wrong() -> None:
    _, report = only("prices", shop_of([paid(999.0, 1, "view"), *(paid(2.0, k) for k in range(2, 9))]))
    assert report.counts()["prices"]["prices"] == 0


# ---- no_products


def test_what_the_catalogue_never_recommends_is_not_learned_from() -> None:
    shop = shop_of([bought("tea", 1), bought("postage", 1)], [item("postage", recommendable=False)])
    rows, report = only("no_products", shop)
    assert kept(rows) == ["purchase tea"]
    assert report.counts()["no_products"] == {"events": 1, "items": 1, "not_in_catalogue": 0}


def amounts(low: float, high: float, n: int = 30) -> list[dict[str, Any]]:
    return [event(f"u:{k}", "manual", NOW - k * DAY, price=low if k % 3 else high) for k in range(n)]


def test_a_code_under_which_any_amount_is_booked_is_known_by_its_prices() -> None:
    rows, report = only("no_products", shop_of([bought("tea", 1), *amounts(0.25, 560.0)]))
    assert kept(rows) == ["purchase tea"]
    assert report.counts()["no_products"]["not_in_catalogue"] == 1
    assert "'manual'" in report.removed[0].what
    assert "`recommendable`" in report.removed[0].what


@pytest.mark.parametrize(
    "events",
    [amounts(0.1, 5.0), amounts(0.25, 560.0, 19), [*amounts(2.0, 2.5), bought("manual", 3, 1.0)]],
    ids=["cold sandwiches by weight", "too few to tell", "a product"],
)
def test_a_product_stays_however_its_price_moves(events: list[dict[str, Any]]) -> None:
    assert len(only("no_products", shop_of(events))[0]) == len(events)
