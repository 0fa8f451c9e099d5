"""Shops in which only one thing about an item says who buys it: its price, its category or its brand."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Final, Literal

import numpy as np

from models.context import build_context
from models.placement import Placement, RankedBy
from models.recommend import recommend
from models.snapshot import Snapshot
from tests.worlds import MEMORY, NOW, World, event, event_frame, item, item_frame, microseconds
from training.config import Recipe
from training.progress import Steps
from training.read import ShopData
from training.trial import Trial, fit_trial

Taste = Literal["price", "category", "brand", "none"]

HORIZON_DAYS = 14
CUTOFF = NOW - timedelta(days=HORIZON_DAYS)
CUTOFF_US: Final = microseconds(CUTOFF)
N_ITEMS, N_SHOPPERS, WEEKS = 100, 150, 20
RANKER: Final[dict[str, Any]] = {
    "min_right": 5,
    "trees": 40,
    "leaves": 8,
    "min_examples": 50,
    "l2": 1.0,
    "hidden": (16,),
}
FRESH = Placement("fresh", "new_to_you", {"popular": 100, "popular@last": 100}, n=8, known="mask", one_per_title=False)
"""One source, twice, that knows nothing of anybody: whoever asks, the blend answers the same."""


def recipe(**ranker: Any) -> Recipe:  # noqa: ANN401 - settings of several types
    """A recipe whose rankers learn from little, and quickly."""
    return Recipe.model_validate(
        {
            "min_shoppers": 2,
            "horizon_days": HORIZON_DAYS,
            "seed": 3,
            "sources": {"popular": {}},
            "ranker": RANKER | ranker,
            "memory": {"half_life_days": MEMORY.half_life_days},
        }
    )


def kind_of(item_id: str) -> int:
    """0 or 1: items of both kinds are numbered in turn."""
    return int(item_id.removeprefix("i")) % 2


def shop_of(taste: Taste) -> ShopData:
    """Everybody buys one to three items a week for some weeks, at random among those of the own kind; or among all."""
    chance, rows = Random(f"taste of {taste}"), []  # noqa: S311 - a shop, not a secret
    ids = [f"i{number}" for number in range(N_ITEMS)]
    price_of = {it: 2.0 + 48.0 * kind_of(it) if taste in {"price", "none"} else 5.0 for it in ids}
    for number in range(N_SHOPPERS):
        own = ids if taste == "none" else [it for it in ids if kind_of(it) == number % 2]
        # Who all come at once and as often are of another age a horizon later: then a ranker knows nobody.
        days_between, n_days = 7 / chance.randint(1, 3), 7 * chance.randint(7, WEEKS)
        for visit in range(int(n_days / days_between)):
            it = chance.choice(own)
            ts = NOW - timedelta(days=days_between * (visit + 0.05 + 0.9 * chance.random()))
            rows.append(event(f"u:{number}", it, ts, price=price_of[it]))
    items = [
        item(
            it,
            (f"kind-{kind_of(it)}",) if taste == "category" else ("all",),
            brand=f"kind-{kind_of(it)}" if taste == "brand" else "all",
            price=price_of[it],
        )
        for it in ids
    ]
    return ShopData(event_frame(rows), item_frame(items), 0)


def trial_of(shop: ShopData, made_by: Recipe, *placements: Placement, steps: Steps | None = None) -> Trial:
    """Fit as of one horizon before the end."""
    asked = {placement.name: placement for placement in placements or (FRESH,)}
    return fit_trial(shop, made_by, asked, CUTOFF_US, steps or Steps())


def lists_of(shop: ShopData, snapshot: Snapshot, placement: Placement) -> list[list[int]]:
    """Return everybody's list at the cutoff, by number."""
    world = World("tastes", shop.events, shop.items, (), now=CUTOFF)
    lists = []
    for number in range(N_SHOPPERS):
        history = world.history(f"u:{number}")
        context = build_context(snapshot.vocabulary, snapshot.memory, now_us=CUTOFF_US, history=history)
        lists.append(recommend(context, snapshot, placement).rows.tolist())
    return lists


def of_own_kind(
    shop: ShopData, snapshot: Snapshot, ranked_by: RankedBy, sources: dict[str, int] | None = None
) -> float:
    """Return which part of everybody's list is of the kind that they buy."""
    lists = lists_of(shop, snapshot, replace(FRESH, ranked_by=ranked_by, sources=sources or FRESH.sources))
    ids = snapshot.vocabulary.ids
    return float(np.mean([kind_of(ids[row]) == number % 2 for number, rows in enumerate(lists) for row in rows]))
