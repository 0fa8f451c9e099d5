from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from models.errors import InputError
from store.placements import read_placements
from tests.training.evaluate.shops import CUTOFF, CUTOFF_US
from tests.worlds import MEMORY, event, event_frame, item, item_frame, snapshot_of
from training.data import prepare
from training.evaluate.basket import asked, basket
from training.evaluate.held_out import Split, hold_out
from training.evaluate.lists import ENDCAP, POPULAR_EVER, POPULAR_LATELY, RULED
from training.evaluate.table import Options
from training.ranking import one_per_task
from training.read import ShopData
from training.trial import Trial

PLACEMENTS = one_per_task(read_placements())
SNAPSHOT = snapshot_of("bought in one order")
KNOWN = SNAPSHOT.vocabulary.ids


def split_of(*orders: tuple[str, str, tuple[str, ...]], **catalogue: Any) -> Split:  # noqa: ANN401 - columns of several types
    """Orders after the cutoff as (shopper, order id, items), behind one old purchase."""
    rows = [event("u:old", "milk", CUTOFF - timedelta(days=9))]
    for number, (shopper, order, ids) in enumerate(orders):
        ts = CUTOFF + timedelta(hours=number)
        rows += [event(shopper, it, ts, order_id=order) for it in ids]
    every_id = sorted({row["item_id"] for row in rows} | set(KNOWN))
    items = item_frame(item(it, **catalogue.get(it, {})) for it in every_id)
    events = event_frame(rows)
    before = events.filter(pl.col("ts") < CUTOFF)
    past = prepare(
        before,
        items.filter(pl.col("item_id").is_in(KNOWN)),
        until_us=CUTOFF_US,
        memory=MEMORY,
        min_shoppers=2,
        seed=1,
    )
    return hold_out(ShopData(events, items, 0), past, 28)


def told(split: Split, seed: int = 1) -> list[tuple[str, frozenset[str], str]]:
    """Every question as (shopper, cart, hidden item)."""
    found = asked(split, SNAPSHOT, seed)
    ids = split.held_out.vocabulary.ids
    return [
        (split.held_out.shoppers[shopper], frozenset(question.anchors), ids[row])
        for shopper, question, row in zip(found.shoppers, found.questions, found.targets.rows, strict=True)
    ]


def test_one_item_of_an_order_is_hidden_and_the_others_are_the_cart() -> None:
    order = ("coffee", "filters", "milk")
    ((shopper, cart, hidden),) = told(split_of(("u:a", "o1", order)))
    assert shopper == "u:a"
    assert hidden in order
    assert cart == set(order) - {hidden}


def test_every_item_can_be_the_hidden_one_and_the_seed_decides() -> None:
    split = split_of(("u:a", "o1", ("coffee", "filters", "milk")))
    hidden = {seed: told(split, seed)[0][2] for seed in range(30)}
    assert set(hidden.values()) == {"coffee", "filters", "milk"}
    assert hidden == {seed: told(split, seed)[0][2] for seed in range(30)}


def test_an_order_with_one_kind_of_item_asks_nothing() -> None:
    split = split_of(("u:a", "o1", ("coffee", "coffee")), ("u:a", "o2", ("milk",)), ("u:b", "o3", ("rice", "soap")))
    assert [shopper for shopper, _, _ in told(split)] == ["u:b"]


def test_an_order_number_that_two_shoppers_share_is_an_order_of_each() -> None:
    split = split_of(("u:a", "o1", ("coffee", "filters")), ("u:b", "o1", ("rice", "soap")))
    assert {shopper: cart | {hidden} for shopper, cart, hidden in told(split)} == {
        "u:a": {"coffee", "filters"},
        "u:b": {"rice", "soap"},
    }


def test_what_may_not_be_recommended_is_neither_hidden_nor_in_the_cart() -> None:
    split = split_of(("u:a", "o1", ("coffee", "milk", "fuel")), fuel={"recommendable": False})
    ((_, cart, hidden),) = told(split)
    assert cart | {hidden} == {"coffee", "milk"}


def test_an_item_that_the_model_does_not_know_may_be_hidden_but_is_no_cart() -> None:
    split = split_of(*(("u:a", f"o{number}", ("coffee", "unheard-of")) for number in range(20)))
    assert {(cart, hidden) for _, cart, hidden in told(split)} == {
        (frozenset({"coffee"}), "unheard-of"),
        (frozenset(), "coffee"),
    }


def test_a_cart_of_unknown_items_only_is_answered_all_the_same() -> None:
    split = split_of(("u:a", "o1", ("unheard-of", "unseen")))
    table = basket(SNAPSHOT, split, PLACEMENTS, Options(seed=1))
    assert {row.metrics["recall@10"].value for row in table.rows} == {0.0}


def test_the_companion_of_the_cart_is_found_by_bought_together() -> None:
    split = split_of(*((f"u:{number}", f"o{number}", ("coffee", "filters")) for number in range(12)))
    table = basket(SNAPSHOT, split, PLACEMENTS, Options(seed=1))
    figures = {row.model: row.metrics["mrr@10"].value for row in table.rows if row.segment == "all"}
    assert figures["bought_together"] == 1.0
    assert figures["bought_together"] > figures[POPULAR_EVER]
    assert figures.keys() == {ENDCAP, RULED, POPULAR_EVER, POPULAR_LATELY, *SNAPSHOT.sources}


def test_what_led_to_the_order_is_not_in_the_history(shop: ShopData, trial: Trial) -> None:
    """A view of the very item on the way to the order would give it away."""
    views = shop.events.filter(pl.col("ts") >= CUTOFF).with_columns(
        event_type=pl.lit("view"), ts=pl.col("ts") - timedelta(minutes=5), order_id=pl.lit(None, pl.String)
    )
    views = views.filter(pl.col("ts") >= CUTOFF)
    watched = replace(shop, events=pl.concat([shop.events, views]).sort("shopper", "ts", maintain_order=True))
    split = hold_out(watched, trial.split.past, 28)
    plain, with_views = (
        basket(trial.snapshot, one, PLACEMENTS, Options(seed=1, models=(ENDCAP,))) for one in (trial.split, split)
    )
    assert plain.rows == with_views.rows


def test_without_orders_of_two_items_the_message_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"import purchases with their order_id.*--protocol temporal"):
        told(split_of(("u:a", "o1", ("coffee",))))
    held_out = split_of(("u:a", "o1", ("coffee", "milk"))).held_out
    unordered = replace(held_out, orders=np.full_like(held_out.orders, -1))
    with pytest.raises(InputError, match="order_id"):
        told(replace(split_of(("u:a", "o1", ("coffee",))), held_out=unordered))


def test_shoppers_with_many_orders_are_one_unit_each(trial: Trial) -> None:
    table = basket(trial.snapshot, trial.split, PLACEMENTS, Options(seed=1, models=("popular all time",)))
    assert {row.n_shoppers for row in table.rows if row.segment == "all"} == {40}
