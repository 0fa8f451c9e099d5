"""The catalogue as it is now, in a bundle's rows."""

from random import Random

import numpy as np
import pytest

from models.catalogue import ALWAYS_FROM_US, ALWAYS_UNTIL_US, Catalogue
from models.vocabulary import Vocabulary
from store.catalogue import OVERLAP_US, CatalogueView, read_catalogue, read_catalogue_view, refreshed
from store.database import Database
from store.items import upsert_items
from tests.models.test_amending import told
from tests.shops import corner_shop, stock
from tests.store.rows import item_row
from training.catalogue import catalogue_of

BUNDLE = Vocabulary(("milk", "gone", "bread"))


def read(database: Database, *rows: tuple[object, ...]) -> Catalogue:
    with database.writing() as connection:
        upsert_items(connection, rows, now_us=1)
    return read_catalogue(database, BUNDLE)


def test_the_bundles_rows_come_first_and_what_it_does_not_know_after_them(database: Database) -> None:
    catalogue = read(database, item_row("soap"), item_row("bread"), item_row("apple"), item_row("milk"))
    assert catalogue.vocabulary.ids == ("milk", "gone", "bread", "apple", "soap")


def test_an_item_that_the_catalogue_has_no_longer_cannot_be_bought(database: Database) -> None:
    catalogue = read(database, item_row("milk"), item_row("bread"))
    assert catalogue.eligible(0).tolist() == [True, False, True]


def test_every_column_is_read(database: Database) -> None:
    catalogue = read(
        database,
        item_row("milk", title="Milk, 1 l", category='["food", "dairy"]', group_id="m", price=1.25, published_at_us=7),
        item_row("bread", in_stock=False, recommendable=False, available_from_us=3, available_until_us=9),
        item_row("cream", group_id="m", title=" milk,  1 L", category='["food", "dairy"]'),
    )
    milk, _, bread, cream = range(4)
    assert catalogue.titles[milk] == "Milk, 1 l"
    assert catalogue.categories[catalogue.category_numbers[milk]] == ("food", "dairy")
    assert catalogue.category_numbers[cream] == catalogue.category_numbers[milk]
    assert catalogue.title_numbers[cream] == catalogue.title_numbers[milk], "case and space make no other title"
    assert catalogue.group_numbers[cream] == catalogue.group_numbers[milk] >= 0
    assert catalogue.group_numbers[bread] == catalogue.category_numbers[bread] == -1
    assert catalogue.prices[milk] == 1.25
    assert catalogue.published_at_us[milk] == 7
    assert (catalogue.in_stock[bread], catalogue.recommendable[bread]) == (False, False)
    assert (catalogue.available_from_us[bread], catalogue.available_until_us[bread]) == (3, 9)


def test_what_the_catalogue_does_not_say_limits_nothing(database: Database) -> None:
    catalogue = read(database, item_row("milk", title=None, price=None))
    assert catalogue.titles[0] == ""
    assert np.isnan(catalogue.prices[0])
    assert (catalogue.available_from_us[0], catalogue.available_until_us[0]) == (ALWAYS_FROM_US, ALWAYS_UNTIL_US)
    assert catalogue.published_at_us[0] == ALWAYS_FROM_US
    assert catalogue.eligible(0)[0]


def test_training_and_serving_see_one_catalogue(database: Database) -> None:
    shop = corner_shop()
    stock(database, shop)
    vocabulary = Vocabulary(sorted(shop.items["item_id"], reverse=True))
    served, trained = read_catalogue(database, vocabulary), catalogue_of(shop.items, vocabulary)
    assert served.vocabulary.ids == trained.vocabulary.ids
    assert served.titles == trained.titles
    for name in ("prices", "in_stock", "recommendable", "available_until_us", "published_at_us"):
        assert np.array_equal(getattr(served, name), getattr(trained, name))
    for row in range(len(served)):
        paths = (one.categories[one.category_numbers[row]] for one in (served, trained))
        assert len(set(paths)) == 1


def test_an_empty_catalogue_has_the_bundles_rows_and_nothing_to_buy(database: Database) -> None:
    catalogue = read(database)
    assert catalogue.vocabulary.ids == BUNDLE.ids
    assert not catalogue.eligible(0).any()


NOON_US = 1_000_000_000_000
"""When the first reading begins."""


def view_of(database: Database, *rows: tuple[object, ...], changed_us: int = 1) -> CatalogueView:
    put(database, *rows, changed_us=changed_us)
    return read_catalogue_view(database, BUNDLE, now_us=NOON_US)


def put(database: Database, *rows: tuple[object, ...], changed_us: int) -> None:
    with database.writing() as connection:
        upsert_items(connection, rows, now_us=changed_us)


def test_a_view_that_is_refreshed_again_and_again_is_one_that_is_read_anew(database: Database) -> None:
    chance = Random(9)  # noqa: S311 - changes, not a secret
    view = view_of(database)
    for step in range(1, 25):
        now_us = NOON_US + step * 10_000_000
        rows = [
            item_row(
                chance.choice(["milk", "bread", "soap", "apple", "pear"]),
                title=chance.choice(["Milk", " milk", "Bread", None]),
                category=chance.choice([None, '["food"]', '["food", "dairy"]']),
                group_id=chance.choice([None, "g", "h"]),
                price=chance.choice([None, 1.0, 2.0]),
                in_stock=chance.random() < 0.5,
                available_until_us=chance.choice([None, 5]),
            )
            for _ in range(chance.randrange(4))
        ]
        put(database, *rows, changed_us=now_us - chance.randrange(OVERLAP_US))
        newer, anew = refreshed(database, view, now_us=now_us), read_catalogue_view(database, BUNDLE, now_us=now_us)
        assert told(newer.catalogue) == told(anew.catalogue)
        dates = (dict(zip(one.catalogue.vocabulary.ids, one.changed_us, strict=True)) for one in (newer, anew))
        assert next(dates) == next(dates)
        assert newer.catalogue.vocabulary.ids[: len(view.catalogue)] == view.catalogue.vocabulary.ids
        assert newer.as_of_us == now_us
        view = newer


def test_a_view_of_a_catalogue_in_which_nothing_changed_has_the_same_one(database: Database) -> None:
    view = view_of(database, item_row("milk"), changed_us=NOON_US - 1)
    newer = refreshed(database, view, now_us=NOON_US + 1)
    assert newer.catalogue is view.catalogue
    assert (view.as_of_us, newer.as_of_us) == (NOON_US, NOON_US + 1)


def test_a_change_that_is_committed_late_is_seen(database: Database) -> None:
    view = view_of(database, item_row("milk"))
    put(database, item_row("milk", in_stock=False), changed_us=NOON_US - OVERLAP_US)
    assert not refreshed(database, view, now_us=NOON_US + 1).catalogue.in_stock[0]


def test_a_view_that_was_refreshed_leaves_the_old_one_as_it_was(database: Database) -> None:
    view = view_of(database, item_row("milk"))
    put(database, item_row("milk", title="Cream", in_stock=False), item_row("soap"), changed_us=NOON_US)
    assert len(refreshed(database, view, now_us=NOON_US + 1).catalogue) == len(view.catalogue) + 1
    assert (view.catalogue.titles[0], view.catalogue.in_stock[0]) == ("Milk", True)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"changed_us": NOON_US}, False),
        ({"changed_us": NOON_US - OVERLAP_US}, False),
        ({"changed_us": NOON_US - OVERLAP_US - 1}, True),
        ({"in_stock": False}, False),
        ({"recommendable": False}, False),
        ({"available_from_us": NOON_US + 6}, False),
        ({"available_from_us": NOON_US + 5}, True),
        ({"available_until_us": NOON_US + 5}, False),
        ({"available_until_us": NOON_US + 6}, True),
    ],
)
def test_an_answer_holds_while_its_items_are_known_unchanged_and_can_be_bought(
    change: dict[str, int], good: object, database: Database
) -> None:
    values = {name: value for name, value in change.items() if name != "changed_us"}
    view = view_of(database, item_row("milk", **values), changed_us=change.get("changed_us", 1))
    asked = {"computed_at_us": NOON_US, "now_us": NOON_US + 5}
    assert view.still_good(("milk",), **asked) == good
    assert view.still_good((), **asked), "an answer without items is made of nothing that could change"


def test_an_answer_with_an_item_that_nobody_knows_or_sells_does_not_hold(database: Database) -> None:
    view = view_of(database, item_row("milk"))
    asked = {"computed_at_us": NOON_US, "now_us": NOON_US}
    assert view.still_good(("milk",), **asked)
    assert not view.still_good(("milk", "never heard of"), **asked)
    assert not view.still_good(("milk", "gone"), **asked)
