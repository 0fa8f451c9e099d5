"""The catalogue as it is now, in the rows of a bundle."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Int64
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
OVERLAP_US = 60_000_000
"""How long before a reading a change that it has not seen may be dated: its transaction committed late."""


@dataclass(frozen=True)
class CatalogueView:
    """The catalogue at a moment, and when each of its items changed."""

    catalogue: Catalogue
    changed_us: Int64
    """Shape (n,): when each row's item changed last; 0 for a bundle's item that the catalogue does not have."""
    as_of_us: int
    """When its reading began: what was committed before is in it."""

    def still_good(self, item_ids: Sequence[str], computed_at_us: int, now_us: int) -> bool:
        """Whether an answer made of these items holds: all are known, none changed since, all can be bought now.

        computed_at_us: `as_of_us` of the view that the answer came from.
        """
        rows = self.catalogue.vocabulary.rows(item_ids)
        if (rows < 0).any() or (self.changed_us[rows] >= computed_at_us - OVERLAP_US).any():
            return False
        return bool(self.catalogue.eligible(now_us)[rows].all())


def read_catalogue_view(database: Database, vocabulary: Vocabulary, *, now_us: int) -> CatalogueView:
    """Read the catalogue and the dates of its changes. Raises DatabaseError."""
    rows = [row for batch in read_items(database, (*_COLUMNS, "changed_us")) for row in batch]
    catalogue = Catalogue.of([_item(*row[:-1]) for row in rows], vocabulary)
    changed_us = np.zeros(len(catalogue), dtype=np.int64)
    changed_us[catalogue.vocabulary.rows(row[0] for row in rows)] = [row[-1] for row in rows]
    return CatalogueView(catalogue, changed_us, now_us)


def refreshed(database: Database, view: CatalogueView, *, now_us: int) -> CatalogueView:
    """Return the view as it is now. Raises DatabaseError."""
    return read_catalogue_view(database, view.catalogue.vocabulary, now_us=now_us)


def read_catalogue(database: Database, vocabulary: Vocabulary) -> Catalogue:
    """Read the catalogue: the vocabulary's rows first, then the items that it does not know, by id.

    An item of the vocabulary that the catalogue has no longer cannot be bought. Cost: 5 microseconds an item.
    """
    return read_catalogue_view(database, vocabulary, now_us=0).catalogue


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
