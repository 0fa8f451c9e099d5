"""Bundles of small worlds: what a training would hand to the store."""

from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

from models.errors import LearnedNothingError
from models.placement import Task
from models.rank import Blend, Calibration, LogisticSum
from models.snapshot import Snapshot
from models.sources import SOURCES
from store.bundles.manifest import DataWindow, Measured
from store.bundles.write import Draft, write_bundle
from tests.worlds import MEMORY, World, every_world
from training.facts import facts_of
from training.fit import FITS

EVERY_SOURCE = "every source"
"""The name of the world in which all of them learn something."""


def world_named(name: str) -> World:
    worlds = {world.name: world for world in every_world()}
    if name != EVERY_SOURCE:
        return worlds[name]
    orders, news = worlds["bought in one order"], worlds["new item"]
    events = pl.concat([orders.events, news.events]).sort("shopper", "ts", maintain_order=True)
    return replace(orders, name=EVERY_SOURCE, events=events, items=pl.concat([orders.items, news.items]), questions=())


@cache
def draft_of(world_name: str, version: str = "2026-11-02T000000Z-0000") -> Draft:
    """A world as a training hands it over: every source that learned something, and two sums that differ."""
    world = world_named(world_name)
    data = world.data()
    learned, left_out = {}, {}
    for name, fit in FITS.items():
        with suppress(LearnedNothingError):
            learned[name] = fit.fit(data, fit.Settings())
        if name not in learned:
            left_out[name] = f"{name} learned nothing"
    curve = Calibration(np.array([-1e3, 0, 1, 1e3], np.float32), np.array([-4, -2, 0.1, 5], np.float32), -2.1, 0.7)
    bought = LogisticSum(-4.3, dict.fromkeys(learned, curve))
    fresh = LogisticSum(-3.1, dict.fromkeys(learned, replace(curve, weight=1 / 3)))
    return Draft(
        version=version,
        created_at=world.now.isoformat(),
        endcap_version="0.1.0",
        catalogue=world.catalogue(data.vocabulary),
        n_warm=data.n_warm,
        memory=MEMORY,
        learned=learned,
        left_out=left_out,
        rankers=dict.fromkeys(get_args(Task), Blend(bought, fresh)),
        facts=facts_of(data),
        recipe={"seed": 7, "sources": {name: {} for name in learned}},
        data=DataWindow(
            first_us=int(data.events.ts_us.min()),
            until_us=data.until_us,
            n_events=len(data.events),
            n_shoppers=len(data.shoppers),
        ),
        metrics=Measured(protocol="none", figures={"all": 0.5}, rows=({"value": float("nan")},)),
    )


def snapshot_of(draft: Draft) -> Snapshot:
    """What the draft answers from, never having been on a disk."""
    return Snapshot(
        version=draft.version,
        catalogue=draft.catalogue,
        sources={name: SOURCES[name].load(learned) for name, learned in draft.learned.items()},
        rankers=draft.rankers,
        memory=draft.memory,
        data_until_us=draft.data.until_us,
    )


def written(root: Path, version: str = "2026-11-02T000000Z-0000", world_name: str = "new item") -> Path:
    """The folder of a small bundle under root."""
    return write_bundle(root, replace(draft_of(world_name), version=version))
