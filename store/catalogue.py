"""The catalogue as it is now, in the rows of a bundle."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from models.amending import Amending
from models.arrays import Int32, Int64
from models.catalogue import ALWAYS_FROM_US, ALWAYS_UNTIL_US, Catalogue, Item
from models.vocabulary import Vocabulary
from store.bulk import Row
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
_READ = (*_COLUMNS, "changed_us")
# Small enough that turning one into columns, which stops all other threads, takes a few milliseconds.
_BATCH_ROWS = 2_000
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
    groups: tuple[str, ...] = ()
    """The group id of each group number."""

    def still_good(self, item_ids: Sequence[str], computed_at_us: int, now_us: int) -> bool:
        """Whether an answer made of these items holds: all are known, none changed since, all can be bought now.

        computed_at_us: when it was made, from a view that was not much older. Cost: 8 microseconds for 12 items.
        """
        rows = self.catalogue.vocabulary.rows(item_ids)
        if np.minimum.reduce(rows, initial=0) < 0:
            return False
        if np.maximum.reduce(self.changed_us[rows], initial=0) >= computed_at_us - OVERLAP_US:
            return False
        return self.catalogue.all_eligible(rows, now_us)


def read_catalogue_view(database: Database, vocabulary: Vocabulary, *, now_us: int) -> CatalogueView:
    """Read the catalogue: the vocabulary's rows first, then the items that it does not know, by id.

    An item of the vocabulary that the catalogue does not have cannot be bought. now_us: the moment before this call.
    Cost: 5 microseconds an item. Raises DatabaseError.
    """
    nothing = CatalogueView(Amending.nothing_of(vocabulary).catalogue(), np.zeros(len(vocabulary), np.int64), now_us)
    return _amended(nothing, read_items(database, _READ, batch_size=_BATCH_ROWS), now_us)


def refreshed(database: Database, view: CatalogueView, *, now_us: int) -> CatalogueView:
    """Return the view as it is now: rows stay where they are, and new items come last.

    When nothing changed it has the same catalogue, as one object. Reads only what changed lately, so it does not hear
    of items that are deleted: nothing deletes them but a restored backup. now_us: the moment before this call. Clocks
    of those who write and who read may differ by a minute. Raises DatabaseError.
    """
    since_us = view.as_of_us - OVERLAP_US
    return _amended(view, read_items(database, _READ, changed_since_us=since_us, batch_size=_BATCH_ROWS), now_us)


def _amended(view: CatalogueView, batches: Iterable[Sequence[Row]], now_us: int) -> CatalogueView:
    """Return the view with rows of _READ in place of what it knew of them."""
    amending: Amending | None = None
    dated: list[tuple[Int32, list[int]]] = []
    for batch in batches:
        others = _not_seen(view, batch)
        if others:
            amending = amending or Amending(view.catalogue, view.groups)
            dated.append((amending.put([_item(*row[:-1]) for row in others]), [row[-1] for row in others]))
    if amending is None:
        return replace(view, as_of_us=now_us)
    catalogue = amending.catalogue()
    changed_us = np.zeros(len(catalogue), dtype=np.int64)
    changed_us[: len(view.changed_us)] = view.changed_us
    for rows, dates in dated:
        changed_us[rows] = dates
    return CatalogueView(catalogue, changed_us, now_us, amending.groups)


def _not_seen(view: CatalogueView, batch: Sequence[Row]) -> list[Row]:
    """Return the rows that are dated otherwise than in the view."""
    rows = view.catalogue.vocabulary.rows(row[0] for row in batch)
    dates = np.array([row[-1] for row in batch], dtype=np.int64)
    seen = rows >= 0
    seen[seen] = view.changed_us[rows[seen]] == dates[seen]
    return [batch[place] for place in np.flatnonzero(~seen).tolist()]


def read_catalogue(database: Database, vocabulary: Vocabulary) -> Catalogue:
    """Read the catalogue without the dates of its changes: `read_catalogue_view`."""
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
        category=_path(category) if category else (),
        brand=brand or "",
        group_id=group_id or "",
        price=np.nan if price is None else price,
        in_stock=in_stock is None or bool(in_stock),
        recommendable=recommendable is None or bool(recommendable),
        available_from_us=_or(available_from_us, ALWAYS_FROM_US),
        available_until_us=_or(available_until_us, ALWAYS_UNTIL_US),
        published_at_us=_or(published_at_us, ALWAYS_FROM_US),
    )


@lru_cache(maxsize=4_096)
def _path(category: str) -> tuple[str, ...]:
    return tuple(json.loads(category))


def _or(value: int | None, otherwise: np.int64) -> int:
    return int(otherwise) if value is None else value
