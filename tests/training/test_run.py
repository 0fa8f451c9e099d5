"""A training run publishes what is good enough, keeps why, and otherwise leaves the champion as it was."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from models.arrays import DAY_US
from models.context import build_context
from models.errors import BusyError, CheckFailedError, GateRefusedError, TrainingError
from models.recommend import recommend
from models.sources import SOURCES
from store.bundles.manifest import MANIFEST
from store.bundles.published import PublishedBundles
from store.catalogue import read_catalogue
from store.database import Database
from store.opening import open_database
from store.placements import read_placements
from store.shoppers import history_of
from tests.shops import FEW_SOURCES, RECIPE, WORSE, changed, corner_shop, stock
from tests.worlds import NOW, event, event_frame, microseconds
from training.config import Recipe
from training.progress import Steps
from training.read import ShopData
from training.run import Trained, train

SHOPPER = "u:garden-3"


@dataclass
class Place:
    """A shop's database and its bundles."""

    database: Database
    bundles: PublishedBundles

    def train(
        self, recipe: Recipe = RECIPE, *, steps: Steps | None = None, force: str | None = None, days: int = 0
    ) -> Trained:
        return train(
            database=self.database,
            bundles=self.bundles,
            recipe=recipe,
            placements=read_placements(),
            now=NOW + timedelta(days=days, hours=1),
            steps=steps or Steps(),
            force_reason=force,
        )

    @property
    def champion(self) -> str | None:
        pointer = self.bundles.pointer()
        return None if pointer is None else pointer.champion


def place_of(folder: Path, shop: ShopData | None = None) -> Place:
    database = open_database(f"sqlite:///{folder / 'endcap.sqlite3'}")
    if shop is not None:
        stock(database, shop)
    return Place(database, PublishedBundles(folder / "bundles"))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Place]:
    place = place_of(tmp_path)
    yield place
    place.database.close()


@dataclass(frozen=True)
class First:
    """A place that was trained once, and what that said."""

    place: Place
    trained: Trained
    said: str
    seconds: dict[str, float]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[First]:
    place = place_of(tmp_path_factory.mktemp("first"), corner_shop())
    said = StringIO()
    steps = Steps(Console(file=said, width=400))
    trained = place.train(steps=steps)
    yield First(place, trained, said.getvalue(), steps.seconds)
    place.database.close()


def items_for(place: Place, shopper: str, placement: str = "home") -> list[str]:
    """What the champion and the database answer, a day after the data ends."""
    bundle = place.bundles.champion()
    snapshot = bundle.with_catalogue(read_catalogue(place.database, bundle.snapshot.vocabulary))
    with place.database.reading() as connection:
        history = history_of(connection, shopper, snapshot.memory, snapshot.data_until_us)
    now_us = microseconds(NOW) + DAY_US
    context = build_context(snapshot.vocabulary, snapshot.memory, now_us=now_us, history=history)
    return [snapshot.vocabulary.ids[row] for row in recommend(context, snapshot, read_placements()[placement]).rows]


def bought_by(shop: ShopData, shopper: str) -> set[str]:
    return set(shop.events.filter(pl.col("shopper") == shopper)["item_id"])


def test_what_was_trained_is_the_champion_and_opens(first: First) -> None:
    assert first.place.champion == first.trained.version
    manifest = first.place.bundles.champion().manifest
    shop = corner_shop()
    assert manifest.n_items == len(shop.items)
    assert (manifest.data.n_events, manifest.data.n_shoppers) == (len(shop.events), 28)
    assert manifest.data.until_us == 1 + max(shop.events["ts"].dt.timestamp("us"))
    assert Recipe.model_validate(manifest.recipe) == RECIPE
    assert set(manifest.sources) | set(manifest.left_out) == set(SOURCES)
    assert set(manifest.metrics.figures) == {"all", "new"}
    assert manifest.metrics.figures == first.trained.judged.figures()
    error = manifest.metrics.calibration_error["personal"]
    assert error is not None
    assert 0 <= error < 0.2
    pointer = first.place.bundles.pointer()
    assert pointer is not None
    assert [(one.action, one.version, one.reason) for one in pointer.decisions] == [
        ("publish", first.trained.version, "")
    ]


def test_every_shopper_has_a_past_and_an_answer(first: First) -> None:
    shop = corner_shop()
    assert first.trained.n_pasts == 28
    for placement, known in (("home", True), ("new-for-you", False)):
        items = items_for(first.place, SHOPPER, placement)
        assert len(items) >= 10
        assert bool(set(items) & bought_by(shop, SHOPPER)) is known
    assert items_for(first.place, SHOPPER, "buy-again")
    assert items_for(first.place, "u:nobody")
    likely, other = items_for(first.place, SHOPPER, "home")[:3], items_for(first.place, "u:kitchen-3", "home")[:3]
    assert {item_id.partition("-")[0] for item_id in likely} == {"garden"}
    assert {item_id.partition("-")[0] for item_id in other} == {"kitchen"}


def test_a_source_that_learns_nothing_is_left_out_with_a_warning_and_the_rest_is_published(first: First) -> None:
    assert set(first.trained.left_out) == {"new"}
    assert "WARN new learned nothing: no item of the catalogue was published" in first.said
    assert "new" not in first.place.bundles.champion().snapshot.sources


def test_every_step_is_named_with_its_seconds(first: First) -> None:
    for step in ("read", "check", "als", "rankings", "judge the recipe", "write the bundle", "store histories"):
        assert first.seconds[step] >= 0
        assert f"{step} " in first.said


class Interrupted(Steps):
    """Steps during one of which something else happens."""

    def __init__(self, during: str, what: Callable[[], object]) -> None:
        super().__init__()
        self.during, self.what = during, what

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with super().step(name):
            if name == self.during:
                self.what()
            yield


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory, first: First) -> Iterator[Place]:
    """The same shop trained elsewhere, while late events of one shopper arrived, after a training that was killed."""
    place = place_of(tmp_path_factory.mktemp("again"), corner_shop())
    (place.bundles.root / ".writing-2026-11-01T000000Z-0000-1" / "catalogue").mkdir(parents=True)
    late = changed(corner_shop(), lambda _: event_frame([event(SHOPPER, "kitchen-5", NOW - timedelta(days=30))]))
    trained = place.train(steps=Interrupted("write the bundle", lambda: stock(place.database, late)))
    assert trained.n_pasts == first.trained.n_pasts - 1
    yield place
    place.database.close()


def test_the_same_data_and_seed_give_the_same_bytes(first: First, again: Place) -> None:
    one, other = (place.bundles.champion().manifest for place in (first.place, again))
    assert one.version != other.version
    reports = {"report.html", "report.json"}
    assert {name: file for name, file in one.files.items() if name not in reports} == {
        name: file for name, file in other.files.items() if name not in reports
    }
    for name in reports:
        written = [
            (place.bundles.folder(found.version) / name).read_text().replace(found.version, "")
            for place, found in ((first.place, one), (again, other))
        ]
        assert written[0] == written[1]
    ignored = {"version", "files"}
    assert one.model_dump(exclude=ignored) == other.model_dump(exclude=ignored)


def test_a_late_event_between_reading_and_publishing_counts(first: First, again: Place) -> None:
    for place, known in ((first.place, False), (again, True)):
        with place.database.reading() as connection:
            snapshot = place.bundles.champion().snapshot
            history = history_of(connection, SHOPPER, snapshot.memory, snapshot.data_until_us)
        assert ("kitchen-5" in history.past.item_ids) is known


def test_what_a_killed_training_left_is_removed(again: Place) -> None:
    assert list(again.bundles.root.glob(".writing-*")) == []


def test_a_recipe_that_is_worse_than_the_champions_on_the_same_past_is_refused_unless_it_is_forced(
    first: First, tmp_path: Path
) -> None:
    place = replace(first.place, bundles=copied(first.place.bundles, tmp_path))
    before = place.champion
    with pytest.raises(GateRefusedError, match=r"not published: .*below the champion's recipe.*--force REASON") as gate:
        place.train(WORSE)
    assert place.champion == before
    assert place.bundles.versions() == [before], "nothing is written that is not published"
    place.train(WORSE, force="a [/] test of the shelf")
    manifest = place.bundles.champion().manifest
    assert manifest.metrics.forced == "a [/] test of the shelf"
    assert all(refusal in str(gate.value) for refusal in manifest.metrics.refusals)
    pointer = place.bundles.pointer()
    assert pointer is not None
    assert (pointer.decisions[-1].reason, pointer.rollback) == ("a [/] test of the shelf", before)


def copied(bundles: PublishedBundles, folder: Path) -> PublishedBundles:
    """The same bundles elsewhere, for a test that changes them."""
    shutil.copytree(bundles.root, folder / "bundles")
    return PublishedBundles(folder / "bundles")


def test_data_that_broke_is_refused_by_the_fall_of_an_unchanged_recipe(first: First, tmp_path: Path) -> None:
    bundles = copied(first.place.bundles, tmp_path)
    mixed = changed(corner_shop(), lambda events: events.with_columns(pl.col("item_id").shuffle(seed=1)))
    place = replace(place_of(tmp_path, mixed), bundles=bundles)
    with pytest.raises(GateRefusedError, match=r"on `all` fell from .* with the same recipe: the data changed"):
        place.train()
    assert place.champion == first.trained.version
    place.database.close()


def test_thresholds_of_checks_and_a_champion_that_cannot_be_fitted_are_no_other_recipe(
    first: First, tmp_path: Path
) -> None:
    place = replace(first.place, bundles=copied(first.place.bundles, tmp_path))
    path = place.bundles.folder(first.trained.version) / MANIFEST
    path.write_text(path.read_text().replace('"horizon_days": 14', '"horizon_days": 4000'))
    said = StringIO()
    place.train(FEW_SOURCES, steps=Steps(Console(file=said, width=400)))
    assert "WARN the champion's recipe cannot be fitted on this data" in said.getvalue()


def test_a_damaged_champion_file_does_not_stop_a_training(first: First, tmp_path: Path) -> None:
    place = replace(first.place, bundles=copied(first.place.bundles, tmp_path))
    (place.bundles.root / "champion.json").write_text("{")
    said = StringIO()
    trained = place.train(FEW_SOURCES, steps=Steps(Console(file=said, width=400)))
    assert "WARN the champion cannot be compared with" in said.getvalue()
    assert place.champion == trained.version


def test_a_training_on_each_kind_of_database_ends_in_an_answer(database: Database, tmp_path: Path) -> None:
    stock(database, corner_shop())
    place = Place(database, PublishedBundles(tmp_path))
    assert place.train(FEW_SOURCES).n_pasts == 28
    assert items_for(place, SHOPPER)[0].startswith("garden")


def test_events_from_the_future_are_not_learned_from(empty: Place) -> None:
    shop = corner_shop()
    ahead = event_frame([event(SHOPPER, "kitchen-1", NOW + timedelta(days=365))])
    stock(empty.database, changed(shop, lambda events: pl.concat([events, ahead])))
    empty.train(FEW_SOURCES)
    data = empty.bundles.champion().manifest.data
    assert data.until_us <= microseconds(NOW)
    assert data.n_events == len(shop.events)


def test_a_check_that_fails_stops_the_training_and_leaves_the_champion(first: First, tmp_path: Path) -> None:
    bundles = copied(first.place.bundles, tmp_path)
    few = changed(corner_shop(), lambda events: events.filter(pl.col("shopper").is_in(["u:garden-1", "u:kitchen-1"])))
    place = replace(place_of(tmp_path, few), bundles=bundles)
    with pytest.raises(CheckFailedError, match="too_little_to_learn_from"):
        place.train(force="however bad")
    assert place.champion == first.trained.version
    place.database.close()


def test_a_shop_of_searches_alone_is_refused_by_the_checks(empty: Place) -> None:
    searches = event_frame(event(f"u:{number}", "", NOW - timedelta(days=number), "search") for number in range(60))
    stock(empty.database, changed(corner_shop(), lambda _: searches.with_columns(item_id=pl.lit(None, pl.String))))
    with pytest.raises(CheckFailedError, match="too_little_to_learn_from"):
        empty.train()


def test_an_empty_shop_is_refused_with_what_to_do(empty: Place) -> None:
    with pytest.raises(TrainingError, match="no events; run `endcap import"):
        empty.train()
    stock(empty.database, changed(corner_shop(), lambda events: events))
    with empty.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM items")
    with pytest.raises(TrainingError, match="the catalogue is empty; run `endcap import items PATH`"):
        empty.train()


def test_a_recipe_whose_sources_all_learn_nothing_is_refused(first: First, tmp_path: Path) -> None:
    place = replace(first.place, bundles=PublishedBundles(tmp_path))
    with pytest.raises(TrainingError, match="no source learned anything: new learned nothing"):
        place.train(RECIPE.model_copy(update={"sources": {"new": {}}}))
    assert place.bundles.versions() == []


def test_of_two_trainings_at_once_the_second_hears_who_trains_and_the_first_goes_on(
    first: First, tmp_path: Path
) -> None:
    place = replace(first.place, bundles=PublishedBundles(tmp_path))

    def train_too() -> None:
        with pytest.raises(BusyError, match=f"process {os.getpid()} holds the training lock"):
            place.train(FEW_SOURCES)

    trained = place.train(FEW_SOURCES, steps=Interrupted("write the bundle", train_too))
    assert place.bundles.versions() == [trained.version]


@pytest.mark.slow
def test_a_shop_that_grows_and_trains_every_night_sees_no_false_refusal(tmp_path: Path) -> None:
    shop = corner_shop()
    place = place_of(tmp_path)
    for night in range(-5, 1):
        known = shop.events.filter(pl.col("ts") < NOW + timedelta(days=night))
        stock(place.database, replace(shop, events=known))
        trained = place.train(days=night)
        assert trained.judged.refusals == ()
        assert place.champion == trained.version
    assert len(place.bundles.versions()) == 6
    assert len(place.bundles.prune(2)) == 4
    assert items_for(place, SHOPPER)
    place.database.close()
