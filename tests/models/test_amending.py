"""A catalogue amended step by step is the one that all its items at once would give, but for its numbering."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.amending import Amending
from models.catalogue import COLUMNS, Catalogue, Item
from models.vocabulary import Vocabulary

IDS = tuple("abcdef")
BUNDLE = Vocabulary(IDS[:3])

items = st.builds(
    Item,
    st.sampled_from(IDS),
    title=st.sampled_from(["", " ", "Milk", "milk ", "Whole  milk", "Bread"]),
    category=st.sampled_from([(), ("food",), ("food", "dairy"), ("home",)]),
    group_id=st.sampled_from(["", "g", "h"]),
    price=st.sampled_from([float("nan"), 1.0, 2.5]),
    in_stock=st.booleans(),
    recommendable=st.booleans(),
    available_from_us=st.integers(0, 9),
    available_until_us=st.integers(0, 9),
    published_at_us=st.integers(0, 9),
)


def told(catalogue: Catalogue) -> dict[str, tuple[Any, ...]]:
    """All that a catalogue says of each item, without the numbers that it uses for it."""
    ids = np.array(catalogue.vocabulary.ids, dtype=object)

    def alike(numbers: Any, row: int) -> set[str]:  # noqa: ANN401 - an array of numbers
        return set(ids[numbers == numbers[row]]) if numbers[row] >= 0 else set()

    return {
        item_id: (
            catalogue.titles[row],
            catalogue.categories[catalogue.category_numbers[row]] if catalogue.category_numbers[row] >= 0 else (),
            alike(catalogue.title_numbers, row),
            alike(catalogue.group_numbers, row),
            str(catalogue.prices[row]),
            *(getattr(catalogue, name)[row] for name in COLUMNS if not name.endswith("numbers") and name != "prices"),
        )
        for row, item_id in enumerate(catalogue.vocabulary.ids)
    }


def at_once(steps: Sequence[Sequence[Item]]) -> Catalogue:
    last = {item.item_id: item for step in steps for item in step}
    return Catalogue.of(list(last.values()), BUNDLE)


def distinct(step: list[Item]) -> list[Item]:
    return list({item.item_id: item for item in step}.values())


@given(st.lists(st.lists(items, max_size=5).map(distinct), max_size=5), st.booleans())
def test_step_by_step_is_all_at_once(steps: list[list[Item]], whole: object) -> None:
    amending = Amending.nothing_of(BUNDLE)
    for step in steps:
        amending.put(step)
        if not whole:
            amending = Amending(amending.catalogue(), amending.groups)
    assert told(amending.catalogue()) == told(at_once(steps))


@given(st.lists(items, max_size=5).map(distinct), st.lists(items, max_size=5).map(distinct))
def test_rows_never_move_and_new_ones_come_last(before: list[Item], after: list[Item]) -> None:
    amending = Amending.nothing_of(BUNDLE)
    amending.put(before)
    old = amending.catalogue()
    amending = Amending(old, amending.groups)
    rows = amending.put(after)
    new = amending.catalogue().vocabulary
    assert new.ids[: len(old)] == old.vocabulary.ids
    assert [new.ids[row] for row in rows] == [item.item_id for item in after]


def test_what_a_catalogue_was_amended_from_stays_as_it_was() -> None:
    amending = Amending.nothing_of(BUNDLE)
    amending.put([Item("a", title="Milk", price=1.0)])
    before = amending.catalogue()
    amending = Amending(before)
    amending.put([Item("a", title="Bread", price=2.0), Item("new")])
    assert (before.titles, before.prices[0], len(before)) == (("Milk", "", ""), 1.0, 3)
    assert not amending.catalogue().prices.flags.writeable
