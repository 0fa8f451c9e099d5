"""A catalogue while items are put into it: rows never move, and what is new comes last."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from models.arrays import Int32
from models.catalogue import COLUMNS, Catalogue, Item, same_title
from models.vocabulary import Vocabulary

_T = TypeVar("_T", str, tuple[str, ...])

_FIELDS = {
    "prices": "price",
    **{name: name for name in ("in_stock", "recommendable", "available_from_us", "available_until_us")},
    "published_at_us": "published_at_us",
}
"""Column -> what it copies from an item."""
_NOBODY = Item("", in_stock=False)
"""What is known of an id that the shop does not have."""


class Amending:
    """The columns of a catalogue, writable. Costs a copy of them, and nothing for each item that stays as it is."""

    def __init__(self, catalogue: Catalogue, groups: Sequence[str] = ()) -> None:
        """Take what to begin with. groups: the group id of each group number."""
        self._vocabulary = catalogue.vocabulary
        self._titles = list(catalogue.titles)
        self._columns: dict[str, npt.NDArray[Any]] = {name: np.array(getattr(catalogue, name)) for name in COLUMNS}
        self._categories = _Numbers(dict(_numbered(catalogue.categories)))
        self._groups = _Numbers(dict(_numbered(groups)))
        self._title_numbers: _Numbers[str] | None = None

    @classmethod
    def nothing_of(cls, vocabulary: Vocabulary) -> "Amending":
        """Begin with rows of which nothing is known: none of them can be bought."""
        amending = cls(Catalogue.of([]))
        amending._grow(vocabulary)
        return amending

    def put(self, items: Sequence[Item]) -> Int32:
        """Put items in place of what was known of them, or at the end; return their rows, shape (m,)."""
        self._grow(self._vocabulary.extended(item.item_id for item in items))
        rows = self._vocabulary.rows(item.item_id for item in items)
        for column, field in _FIELDS.items():
            self._columns[column][rows] = [getattr(item, field) for item in items]
        self._columns["category_numbers"][rows] = self._categories.of(item.category for item in items)
        self._columns["group_numbers"][rows] = self._groups.of(item.group_id for item in items)
        self._retitle([(row, item.title) for row, item in zip(rows.tolist(), items, strict=True)])
        return rows

    def catalogue(self) -> Catalogue:
        """Return the catalogue as it is now; nothing can be put in afterwards."""
        for column in self._columns.values():
            column.flags.writeable = False
        return Catalogue(self._vocabulary, tuple(self._titles), self._categories.values, **self._columns)

    @property
    def groups(self) -> tuple[str, ...]:
        """The group id of each group number."""
        return self._groups.values

    def _grow(self, vocabulary: Vocabulary) -> None:
        more = len(vocabulary) - len(self._vocabulary)
        if not more:
            return
        self._vocabulary = vocabulary
        self._titles += [""] * more
        for name, column in self._columns.items():
            empty = getattr(_NOBODY, _FIELDS[name]) if name in _FIELDS else -1
            self._columns[name] = np.concatenate([column, np.full(more, empty, dtype=column.dtype)])

    def _retitle(self, titles: Iterable[tuple[int, str]]) -> None:
        others = [(row, title) for row, title in titles if title != self._titles[row]]
        if not others:
            return
        numbers = self._title_numbers = self._title_numbers or self._known_titles()
        self._columns["title_numbers"][[row for row, _ in others]] = numbers.of(
            same_title(title) for _, title in others
        )
        for row, title in others:
            self._titles[row] = title

    def _known_titles(self) -> "_Numbers[str]":
        # Titles are compared by a form of them that nobody keeps: 0.5 microseconds an item, when any title changes.
        known = zip(self._titles, self._columns["title_numbers"].tolist(), strict=True)
        return _Numbers({same_title(title): number for title, number in known if number >= 0})


class _Numbers(Generic[_T]):
    """Distinct values and their numbers; an empty value has number -1."""

    def __init__(self, number_of: dict[_T, int]) -> None:
        self._number_of: dict[_T, int] = number_of
        self._next = max(number_of.values(), default=-1) + 1

    def of(self, values: Iterable[_T]) -> list[int]:
        """Return the number of each value; a new one gets the next."""
        return [self._of(value) if value else -1 for value in values]

    def _of(self, value: _T) -> int:
        number: int = self._number_of.setdefault(value, self._next)
        self._next += number == self._next
        return number

    @property
    def values(self) -> tuple[_T, ...]:
        """The values by number, when all numbers were given here."""
        return tuple(self._number_of)


def _numbered(values: Sequence[_T]) -> Iterator[tuple[_T, int]]:
    return ((value, number) for number, value in enumerate(values))
