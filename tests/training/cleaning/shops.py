"""A shop with a bit of everything, and shops drawn at random: few shoppers, few items, times that meet."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tests.worlds import NOW, event, event_frame, item, item_frame
from training.cleaning.run import Cleaned, Cleaning, clean
from training.read import ShopData

TYPES = ("view", "add_to_cart", "remove_from_cart", "purchase", "refund")
STRICT = Cleaning.model_validate(
    {
        "repeats": {"seconds": 5},
        "robots": {"items_an_hour": 2, "items_a_day": 3},
        "prices": {"times_off": 3, "at_least": 2},
        "no_products": {"price_spread": 4, "at_least": 2},
    }
)
"""Thresholds so low that a shop of a few events meets them."""


def shop_of(events: Iterable[dict[str, Any]], items: Iterable[dict[str, Any]] = ()) -> ShopData:
    """The given items and a plain one for every other id."""
    rows, given = list(events), list(items)
    others = sorted({row["item_id"] for row in rows} - {row["item_id"] for row in given})
    return ShopData(event_frame(rows), item_frame([*given, *(item(it) for it in others)]), 0)


def only(step: str, shop: ShopData, **thresholds: float) -> tuple[list[dict[str, Any]], Cleaned]:
    """What one step leaves when all others are turned off, and its report."""
    others = {name: {"on": False} for name in Cleaning.model_fields if name not in {step, "warn_share"}}
    cleaned, report = clean(shop, Cleaning.model_validate({**others, step: thresholds}))
    return cleaned.events.to_dicts(), report


@st.composite
def shops(draw: st.DrawFn) -> ShopData:
    """Up to 40 events of three shoppers on three items within two days; one of the items is no product."""
    rows = draw(
        st.lists(
            st.builds(
                event,
                st.sampled_from(["u:a", "u:b", "a:c"]),
                st.sampled_from(["tea", "rice", "postage", "salt"]),
                st.integers(0, 2 * 86400).flatmap(
                    lambda seconds: st.sampled_from([seconds, seconds % 30]).map(
                        lambda ago: NOW - timedelta(seconds=ago + 1)
                    )
                ),
                st.sampled_from(TYPES),
                quantity=st.sampled_from([None, 0.5, 1.0, 2.0, 12.0]),
                price=st.sampled_from([None, float("nan"), -1.0, 0.0, 1.0, 2.0, 7.0, 40.0, float("inf")]),
                order_id=st.sampled_from([None, "o1", "o2"]),
            ),
            max_size=40,
        )
    )
    return shop_of(rows, [item("postage", recommendable=False)])


def as_set(events: pl.DataFrame) -> list[str]:
    """The rows in an order of their own; NaN and null keep apart."""
    return sorted(map(repr, events.rows()))
