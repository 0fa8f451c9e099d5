"""The catalogue as it is now, in the rows of a bundle."""

import json

import numpy as np

from models.catalogue import ALWAYS_FROM_US, ALWAYS_UNTIL_US, Catalogue, Item
from models.vocabulary import Vocabulary
from store.database import Database
from store.items import read_items

_COLUMNS = (
    "item_id",
    "title",
    "category",
    "brand",
    "group_id",
    "price",
    "in_stock",
    "recommendable",
    "available_from_us",
    "available_until_us",
    "published_at_us",
)


def read_catalogue(database: Database, vocabulary: Vocabulary) -> Catalogue:
    """Read the catalogue: the vocabulary's rows first, then the items that it does not know, by id.

    An item of the vocabulary that the catalogue has no longer cannot be bought. Cost: 5 microseconds an item.
    """
    items = [_item(*row) for batch in read_items(database, _COLUMNS) for row in batch]
    return Catalogue.of(items, vocabulary)


def _item(  # noqa: PLR0913, PLR0917 - the columns of one row, in their order
    item_id: str,
    title: str | None,
    category: str | None,
    brand: str | None,
    group_id: str | None,
    price: float | None,
    in_stock: bool | None,  # noqa: FBT001 - a column
    recommendable: bool | None,  # noqa: FBT001 - a column
    available_from_us: int | None,
    available_until_us: int | None,
    published_at_us: int | None,
) -> Item:
    return Item(
        item_id=item_id,
        title=title or "",
        category=tuple(json.loads(category)) if category else (),
        brand=brand or "",
        group_id=group_id or "",
        price=np.nan if price is None else price,
        in_stock=in_stock is None or bool(in_stock),
        recommendable=recommendable is None or bool(recommendable),
        available_from_us=_or(available_from_us, ALWAYS_FROM_US),
        available_until_us=_or(available_until_us, ALWAYS_UNTIL_US),
        published_at_us=_or(published_at_us, ALWAYS_FROM_US),
    )


def _or(value: int | None, otherwise: np.int64) -> int:
    return int(otherwise) if value is None else value
