"""Items that came into the catalogue after a bundle was trained."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from models.context import build_context
from models.placement import Placement
from models.recommend import recommend
from models.snapshot import Snapshot
from models.told import tell
from models.words import Description
from store.bundles.read import Bundle, open_bundle
from store.bundles.write import write_bundle
from store.catalogue import read_catalogue
from store.database import Database
from store.items import upsert_items
from store.newcomers import read_newcomers
from tests.shops import stock
from tests.store.bundles.drafts import draft_of, world_named, written
from tests.store.rows import item_row
from tests.worlds import NOW, World, event, event_frame, item, item_frame, microseconds
from training.catalogue import catalogue_of
from training.facts import facts_of
from training.fit import content
from training.read import ShopData

SIMILAR = Placement("similar", "similar", {"content": 10, "als": 10, "item_knn": 10, "covisitation": 10}, n=2)
COMPLEMENT = Placement("complement", "complement", {"content": 10, "item_knn": 10}, n=2)
SAID = {
    "title": "Dome tent for three",
    "category": '["outdoor", "tents"]',
    "brand": "alpino",
    "tags": '["camping"]',
    "attributes": '{"persons": 3}',
}
GOLDEN = Path(__file__).parents[1] / "golden/bundle-1"


@pytest.fixture
def campers(database: Database, tmp_path: Path) -> Bundle:
    """A bundle of campers and cooks, and its shop in the database."""
    world = world_named("cold item")
    stock(database, ShopData(world.events, world.items, 0))
    return open_bundle(written(tmp_path, world_name="cold item"))


def came(database: Database, item_id: str, **said: object) -> None:
    with database.writing() as connection:
        upsert_items(connection, [item_row(item_id, **{**SAID, **said})], now_us=1)


def now_of(bundle: Bundle, database: Database) -> Snapshot:
    """The bundle over what the catalogue says now."""
    catalogue = read_catalogue(database, bundle.snapshot.vocabulary)
    return bundle.with_catalogue(catalogue, read_newcomers(database, bundle.newcomers_in(catalogue)))


def own_vectors(root: Path) -> Path:
    """The folder of a bundle whose two items have vectors of the shop's own."""
    items = item_frame([item("a", embedding=[2.0, 0.0]), item("b", embedding=[0.0, 3.0])])
    data = World("own vectors", event_frame([event("u:1", "a", NOW - timedelta(days=1))]), items, ()).data()
    learned = {"content": content.fit(data, content.Settings())}
    draft = replace(draft_of("new item"), catalogue=catalogue_of(data.items), learned=learned, facts=facts_of(data))
    return write_bundle(root, draft)


def asked(
    snapshot: Snapshot,
    placement: Placement = SIMILAR,
    *,
    anchor_ids: tuple[str, ...] = (),
    session_ids: tuple[str, ...] = (),
) -> dict[str, tuple[str, ...]]:
    """What is shown, and because of what."""
    context = build_context(
        snapshot.vocabulary,
        snapshot.memory,
        now_us=microseconds(NOW),
        anchor_ids=anchor_ids,
        session_ids=session_ids,
    )
    return {told.item_id: told.because_of for told in tell(context, snapshot, recommend(context, snapshot, placement))}


def test_what_the_catalogue_says_is_read_in_the_order_of_the_ids(database: Database) -> None:
    came(database, "tent-red", embedding=np.array([1, 2], "<f4").tobytes())
    came(database, "bare", title=None, category=None, brand=None, tags=None, attributes=None)
    bare, missing, tent = read_newcomers(database, ["bare", "not there", "tent-red"])
    assert bare == missing == Description()
    assert (tent.title, tent.category, tent.brand) == ("Dome tent for three", ("outdoor", "tents"), "alpino")
    assert (tent.tags, tent.attributes) == (("camping",), '{"persons": 3}')
    assert tent.embedding is not None
    assert tent.embedding.tolist() == [1, 2]


def test_more_than_one_statement_asks_for_are_read(database: Database) -> None:
    ids = [f"i{number}" for number in range(1_203)]
    with database.writing() as connection:
        upsert_items(connection, [item_row(it, title=it) for it in ids], now_us=1)
    assert [one.title for one in read_newcomers(database, ids)] == ids


def test_a_new_item_has_similar_items_of_its_kind(campers: Bundle, database: Database) -> None:
    came(database, "tent-red")
    for placement in (SIMILAR, COMPLEMENT):
        shown = asked(now_of(campers, database), placement, anchor_ids=("tent-red",))
        assert shown == {"tent-blue": ("tent-red",), "tent-green": ("tent-red",)}


def test_a_new_item_is_shown_beside_its_kind(campers: Bundle, database: Database) -> None:
    came(database, "tent-red")
    shown = asked(now_of(campers, database), anchor_ids=("tent-green",))
    assert shown == {"tent-blue": ("tent-green",), "tent-red": ("tent-green",)}


def test_who_looked_at_a_new_item_is_asked_about_it(campers: Bundle, database: Database) -> None:
    came(database, "tent-red")
    home = Placement("home", "personal", {"content": 10}, n=3)
    assert set(asked(now_of(campers, database), home, session_ids=("tent-red",))) == {
        "tent-blue",
        "tent-green",
        "tent-red",
    }


def test_a_catalogue_that_goes_on_growing_keeps_its_rows(campers: Bundle, database: Database) -> None:
    came(database, "tent-red")
    first = now_of(campers, database)
    came(database, "a-tent-before-all")
    catalogue = read_catalogue(database, first.vocabulary)
    second = first.over(catalogue, read_newcomers(database, campers.newcomers_in(catalogue)))
    assert second.vocabulary.ids == (*first.vocabulary.ids, "a-tent-before-all")
    assert set(asked(second, anchor_ids=("tent-red", "tent-green"))) == {"a-tent-before-all", "tent-blue"}
    assert set(asked(second, anchor_ids=("a-tent-before-all", "tent-green"))) == {"tent-red", "tent-blue"}


def test_a_new_catalogue_without_news_of_new_items_keeps_what_is_known_of_them(
    campers: Bundle, database: Database
) -> None:
    came(database, "tent-red")
    first = now_of(campers, database)
    came(database, "tent-black")
    second = first.over(read_catalogue(database, first.vocabulary))
    assert set(asked(second, anchor_ids=("tent-red",))) == {"tent-blue", "tent-green"}
    assert asked(second, anchor_ids=("tent-black",)) != {}, "not placed yet: what is popular fills the list"


def test_where_the_shop_brings_vectors_a_new_item_brings_its_own(database: Database, tmp_path: Path) -> None:
    bundle = open_bundle(own_vectors(tmp_path))
    for name, vector in (("near-a", [9, 1]), ("near-b", [1, 9])):
        came(database, name, embedding=np.array(vector, "<f4").tobytes())
    for name in ("a", "b"):
        came(database, name)
    shown = asked(
        now_of(bundle, database), Placement("similar", "similar", {"content": 1}, n=1), anchor_ids=("near-a",)
    )
    assert list(shown) == ["a"]


def test_a_bundle_that_kept_no_words_knows_nothing_of_new_items_and_answers(database: Database) -> None:
    bundle = open_bundle(GOLDEN)
    for item_id in (*bundle.snapshot.vocabulary.ids, "later"):
        came(database, item_id)
    snapshot = now_of(bundle, database)
    assert len(asked(snapshot, anchor_ids=("later",))) == SIMILAR.n
    assert "later" not in asked(snapshot, anchor_ids=("garden-1",))
