from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from models.errors import InputError
from tests.worlds import MEMORY, NOW, event, event_frame, item, item_frame, microseconds
from training.data import prepare
from training.evaluate.asked import Histories
from training.evaluate.held_out import HeldOut, Split, hold_out, known_before, refuse_nothing_to_find
from training.read import ShopData

CUTOFF_US = microseconds(NOW)
BEFORE, AFTER = NOW - timedelta(days=3), NOW + timedelta(days=3)
HORIZON_DAYS = 28


def shop_of(*events: dict[str, Any], items: tuple[dict[str, Any], ...] = ()) -> ShopData:
    """The given items and a plain one for every other id, which two shoppers bought long ago."""
    given = {row["item_id"] for row in items}
    others = sorted({row["item_id"] for row in events} - given)
    return ShopData(event_frame(events), item_frame([*items, *(item(it) for it in others)]), 0)


def split_of(shop: ShopData) -> Split:
    known = known_before(shop, CUTOFF_US)
    past = prepare(known.events, known.items, until_us=CUTOFF_US, memory=MEMORY, min_shoppers=2, seed=1)
    return hold_out(shop, past, HORIZON_DAYS)


def bought(held_out: HeldOut) -> list[tuple[str, str]]:
    ids = held_out.vocabulary.ids
    return sorted((held_out.shoppers[o], ids[row]) for o, row in zip(held_out.owners, held_out.rows, strict=True))


def test_what_was_bought_from_the_cutoff_to_the_end_of_the_horizon_is_held_out() -> None:
    end = NOW + timedelta(days=HORIZON_DAYS)
    moments = {
        "too-early": NOW - timedelta(microseconds=1),
        "first": NOW,
        "last": end - timedelta(microseconds=1),
        "late": end,
    }
    split = split_of(shop_of(*(event("u:a", it, ts) for it, ts in moments.items())))
    assert bought(split.held_out) == [("u:a", "first"), ("u:a", "last")]


def test_views_and_what_was_taken_back_are_no_targets() -> None:
    split = split_of(
        shop_of(
            event("u:a", "tea", BEFORE),
            event("u:a", "seen", AFTER, "view"),
            event("u:a", "sent-back", AFTER, order_id="o1"),
            event("u:a", "sent-back", AFTER + timedelta(days=1), "refund", order_id="o1"),
            event("u:a", "kept", AFTER, order_id="o1"),
        )
    )
    assert bought(split.held_out) == [("u:a", "kept")]


def test_what_may_not_be_recommended_is_no_target_and_what_nobody_knew_is_one() -> None:
    shop = shop_of(
        event("u:a", "tea", BEFORE),
        event("u:a", "fuel", AFTER),
        event("u:a", "came-later", AFTER),
        event("u:a", "in-no-catalogue", AFTER),
        items=(item("fuel", recommendable=False), item("came-later", published_at=AFTER)),
    )
    shop = replace(shop, items=shop.items.filter(pl.col("item_id") != "in-no-catalogue"))
    split = split_of(shop)
    assert bought(split.held_out) == [("u:a", "came-later"), ("u:a", "in-no-catalogue")]
    assert (split.held_out.rows >= len(split.past.vocabulary)).all()


def test_a_repeat_is_an_item_that_the_shopper_bought_before_and_kept() -> None:
    shop = shop_of(
        event("u:a", "again", BEFORE),
        event("u:a", "only-seen", BEFORE, "view"),
        event("u:a", "sent-back", BEFORE, order_id="o1"),
        event("u:a", "sent-back", BEFORE + timedelta(hours=1), "refund", order_id="o1"),
        event("u:b", "others-have-it", BEFORE),
        event("u:a", "no-catalogue", BEFORE),
        *(event("u:a", it, AFTER) for it in ("again", "only-seen", "sent-back", "others-have-it", "no-catalogue")),
    )
    shop = replace(shop, items=shop.items.filter(pl.col("item_id") != "no-catalogue"))
    held_out = split_of(shop).held_out
    repeats = {held_out.vocabulary.ids[row] for row in held_out.rows[held_out.repeats]}
    assert repeats == {"again", "no-catalogue"}


def test_a_shopper_seen_before_only_with_an_item_of_no_catalogue_is_seen_before_and_unknown() -> None:
    shop = shop_of(
        event("u:stray", "no-catalogue", BEFORE),
        event("u:a", "tea", BEFORE),
        *(event(shopper, "tea", AFTER) for shopper in ("u:a", "u:new", "u:stray")),
    )
    split = split_of(replace(shop, items=shop.items.filter(pl.col("item_id") != "no-catalogue")))
    seen = {split.held_out.shoppers[owner] for owner in split.held_out.owners[split.seen_before()]}
    assert seen == {"u:a", "u:stray"}
    numbers = pl.Series(range(3)).to_numpy()
    owners = dict(zip(split.held_out.shoppers, split.owners_before(numbers).tolist(), strict=True))
    assert owners == {"u:a": 0, "u:new": -1, "u:stray": -1}
    assert Histories.of_past(split.past).n_items(split.owners_before(numbers)).tolist() == [1, 0, 0]


def test_amounts_are_price_times_quantity_and_0_where_the_price_is_not_known() -> None:
    held_out = split_of(
        shop_of(
            event("u:a", "tea", BEFORE),
            event("u:a", "rice", AFTER, price=2.5, quantity=4.0),
            event("u:a", "salt", AFTER, price=None),
        )
    ).held_out
    amounts = dict(zip((held_out.vocabulary.ids[row] for row in held_out.rows), held_out.amounts.tolist(), strict=True))
    assert amounts == {"rice": 10.0, "salt": 0.0}


def test_a_model_at_the_cutoff_knows_the_price_of_the_last_four_weeks_of_sales_before_it() -> None:
    def sold(days_ago: int, price: float | None) -> dict[str, Any]:
        return event("u:a", "tea", NOW - timedelta(days=days_ago), price=price)

    sales = [sold(60, 50.0), sold(20, 2.0), sold(10, None), sold(5, 3.0), sold(1, 7.0)]
    catalogue = item("tea", price=900.0), item("never-sold", price=5.0)
    shop = shop_of(*sales, event("u:a", "tea", AFTER, price=900.0), items=catalogue)
    known = known_before(shop, CUTOFF_US)
    assert dict(known.items.select("item_id", "price").iter_rows()) == {"tea": 3.0, "never-sold": None}
    assert known.events["ts"].max() < NOW  # type: ignore[operator]
    assert known.items.columns == shop.items.columns


def test_a_model_at_the_cutoff_knows_neither_later_items_nor_later_stock() -> None:
    shop = shop_of(
        event("u:a", "sold-before-published", BEFORE),
        items=(
            item("old", in_stock=False),
            item("undated", published_at=None),
            item("later", published_at=NOW),
            item("sold-before-published", published_at=AFTER),
        ),
    )
    known = known_before(shop, CUTOFF_US).items
    assert known["item_id"].to_list() == ["old", "undated", "sold-before-published"]
    assert known["in_stock"].all()


@pytest.mark.parametrize(
    ("cutoff", "message"),
    [
        (
            AFTER + timedelta(days=1),
            "from 2026-11-06 to 2026-12-04, and the last purchase is of 2026-11-05; import .* an earlier --cutoff",
        ),
        (NOW - timedelta(days=99), "from 2026-07-26 to 2026-08-23, and the first purchase .*; choose a later --cutoff"),
    ],
)
def test_a_horizon_without_purchases_is_refused_before_anything_is_fitted(cutoff: datetime, message: str) -> None:
    shop = shop_of(event("u:a", "tea", BEFORE), event("u:a", "tea", AFTER))
    with pytest.raises(InputError, match=message):
        refuse_nothing_to_find(shop, microseconds(cutoff), HORIZON_DAYS)


def test_a_shop_that_sells_nothing_says_so() -> None:
    with pytest.raises(InputError, match="there are no purchases at all; import some"):
        refuse_nothing_to_find(shop_of(event("u:a", "tea", AFTER, "view")), CUTOFF_US, HORIZON_DAYS)


def test_a_cutoff_before_all_data_is_refused() -> None:
    with pytest.raises(InputError, match="no event lies before the cutoff, 2026-11-02; choose a later --cutoff"):
        known_before(shop_of(event("u:a", "tea", AFTER)), CUTOFF_US)
