"""A training says what it did not learn from, and its bundle keeps that."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import polars as pl
from rich.console import Console

from store.bundles.published import PublishedBundles
from store.opening import open_database
from store.placements import read_placements
from tests.shops import FEW_SOURCES, changed, corner_shop, stock
from tests.worlds import NOW
from training.progress import Steps
from training.run import train

SECOND = timedelta(seconds=1)


def test_a_till_that_says_everything_twice_is_warned_of_and_learned_from_once(tmp_path: Path) -> None:
    once = corner_shop()
    twice = changed(once, lambda events: pl.concat([events, events.with_columns(ts=pl.col("ts") + SECOND)]))
    database = open_database(f"sqlite:///{tmp_path / 'endcap.sqlite3'}")
    stock(database, twice)
    bundles, told = PublishedBundles(tmp_path / "bundles"), StringIO()
    trained = train(
        database=database,
        bundles=bundles,
        recipe=FEW_SOURCES,
        placements=read_placements(),
        now=NOW + timedelta(hours=1),
        steps=Steps(Console(file=told, width=400)),
    )
    window = bundles.manifest(trained.version).data
    n_lines = len(once.events)
    assert window.cleaned["repeats"] == {"events": n_lines, "shoppers": once.events["shopper"].n_unique()}
    assert window.cleaned["robots"] == {"events": 0, "shoppers": 0}
    assert window.n_events == n_lines
    assert "WARN cleaning.repeats removes 50.0% of the events" in told.getvalue()
    database.close()
