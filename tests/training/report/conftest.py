"""A trial of a shop whose words are hostile, and the report that is made of it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from store.bundles.manifest import DataWindow, Measured
from store.bundles.write import Draft
from store.placements import read_placements
from tests.shops import HORIZON_DAYS, RECIPE, corner_shop
from tests.worlds import NOW, microseconds
from training.checks.finding import Finding
from training.config import Recipe
from training.progress import Steps
from training.ranker_settings import RankerSettings
from training.ranking import rankers_of
from training.read import ShopData
from training.report import examples
from training.report.make import Material, figures_of
from training.trial import Trial, fit_trial

HOSTILE = (
    "<script>alert(1)</script>",
    '" onmouseover="alert(2)" x="',
    "'></style></table><img src=//evil.example/x>",
    "{{ 7 * 191 }} {% raw %}",
    "\u202eright to left \u05d0\u05d1\u05d2 &amp; \u200f",
    "ten thousand " + "x" * 10_000,
    "a\x00b\x1b[31mc\rd",
)
RARE = "a secret that one shopper bought"
RANKED = RECIPE.model_copy(
    update={"ranker": RankerSettings(min_right=10, trees=10, leaves=4, min_examples=5, epochs=1)}
)


def hostile_shop() -> ShopData:
    """The corner shop with shoppers of known names, hostile titles, one item that one bought, and one who came late."""
    shop = corner_shop()
    came_late = (pl.col("shopper") == "u:kitchen-3") & (pl.col("ts") < NOW - timedelta(days=HORIZON_DAYS))
    shop = replace(shop, events=shop.events.filter(~came_late))
    named = pl.format("u:person-{}", pl.col("shopper").str.slice(2).hash(1))
    titles = dict(zip(shop.items["item_id"], HOSTILE * 4, strict=False))
    items = shop.items.with_columns(
        title=pl.col("item_id").replace_strict(titles),
        group_id=pl.lit(None, pl.String),
    )
    rare = items.head(1).with_columns(item_id=pl.lit("rare"), title=pl.lit(RARE))
    bought = shop.events.filter(pl.col("shopper") == "u:garden-3").with_columns(item_id=pl.lit("rare"))
    events = pl.concat([shop.events, bought]).sort("shopper", "ts", maintain_order=True)
    return ShopData(events.with_columns(shopper=named), pl.concat([items, rare]), 0)


def trial_of(shop: ShopData, recipe: Recipe) -> Trial:
    """Fit a trial; its rankers serve although so small a shop gives them nothing to be better by."""
    with patch("training.rank.fit.is_better", return_value=True):
        return fit_trial(shop, recipe, read_placements(), microseconds(NOW - timedelta(days=HORIZON_DAYS)), Steps())


def material_of(trial: Trial, recipe: Recipe) -> Material:
    """What a training run would hand over for this trial."""
    data = trial.sources.data
    window = DataWindow(
        first_us=int(data.events.ts_us.min()),
        until_us=data.until_us,
        n_events=len(data.events),
        n_shoppers=len(data.shoppers),
        cleaned={"repeats": {"events": 12}},
    )
    draft = Draft(
        version="2026-11-02T000000Z-0000",
        created_at=NOW.isoformat(),
        endcap_version="0.1.0",
        catalogue=trial.sources.catalogue,
        n_warm=data.n_warm,
        memory=data.memory,
        facts=trial.sources.facts,
        learned=trial.sources.learned,
        left_out=trial.sources.left_out,
        rankers=rankers_of(trial.tasks),
        recipe=recipe.model_dump(mode="json"),
        data=window,
        metrics=Measured(protocol="none", figures={"all": 0.5}, rows=({"value": float("nan")},)),
    )
    finding = Finding("traffic", "WARN", {"robots": 2.0, "robot_share": float("nan")}, "by u:person-1", "Look.")
    return Material(draft, recipe, read_placements(), (), (finding,))


@dataclass(frozen=True)
class Reported:
    """A trial, what it was made into, and how."""

    trial: Trial
    material: Material
    figures: dict[str, Any]


@pytest.fixture(scope="session")
def reported() -> Reported:
    """The hostile shop's; every shopper is an example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "EXAMPLES", 1_000)
        trial = trial_of(hostile_shop(), RANKED)
        material = material_of(trial, RANKED)
        return Reported(trial, material, figures_of(material, trial))


@pytest.fixture(scope="session")
def empty(reported: Reported) -> dict[str, Any]:
    """The figures of a shop with nothing to show."""
    draft = replace(reported.material.draft, left_out={})
    bare = replace(reported.material, draft=draft, placements={}, findings=())
    return figures_of(bare, reported.trial)
