"""The catalogue as it is now, in a bundle's rows."""

import numpy as np

from models.catalogue import ALWAYS_FROM_US, ALWAYS_UNTIL_US, Catalogue
from models.vocabulary import Vocabulary
from store.catalogue import read_catalogue
from store.database import Database
from store.items import upsert_items
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
