import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import COLUMNS, Catalogue, Item, category_path
from models.errors import InputError
from models.vocabulary import Vocabulary


def test_rows_follow_the_vocabulary_and_then_what_it_does_not_know() -> None:
    catalogue = Catalogue.of([Item("c"), Item("b"), Item("a", title="A")], Vocabulary(["a", "b"]))
    assert catalogue.vocabulary.ids == ("a", "b", "c")
    assert catalogue.titles == ("A", "", "")
    assert all(len(getattr(catalogue, name)) == 3 for name in COLUMNS)


def test_what_the_bundle_knows_and_the_shop_no_longer_has_cannot_be_bought() -> None:
    catalogue = Catalogue.of([Item("a")], Vocabulary(["a", "gone"]))
    assert catalogue.eligible(0).tolist() == [True, False]


def test_titles_are_one_whatever_their_case_and_spaces() -> None:
    titles = ["Whole  Milk", "whole milk ", "Milk", "", ""]
    numbers = Catalogue.of([Item(str(n), title=title) for n, title in enumerate(titles)]).title_numbers
    assert numbers[0] == numbers[1] != numbers[2]
    assert numbers[3:].tolist() == [-1, -1]


def test_a_category_is_its_whole_path() -> None:
    paths = [("a", "b"), ("a",), ("a", "b"), ()]
    catalogue = Catalogue.of([Item(str(n), category=path) for n, path in enumerate(paths)])
    assert catalogue.category_numbers.tolist() == [0, 1, 0, -1]
    assert catalogue.categories == (("a", "b"), ("a",))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_eligible_is_in_stock_recommendable_and_available_now(drawn: list[tuple[bool, bool, int, int]]) -> None:
    items = [
        Item(str(n), in_stock=stock, recommendable=shown, available_from_us=start, available_until_us=end)
        for n, (stock, shown, start, end) in enumerate(drawn)
    ]
    catalogue = Catalogue.of(items)
    for now in (0, 4, 5, 9):
        expected = [stock and shown and start <= now < end for stock, shown, start, end in drawn]
        assert catalogue.eligible(now).tolist() == expected


def test_an_item_without_a_window_is_always_available() -> None:
    catalogue = Catalogue.of([Item("a")])
    assert catalogue.eligible(-(2**60)).all()
    assert catalogue.eligible(2**60).all()


def test_writing_into_a_mask_changes_no_other_answer() -> None:
    catalogue = Catalogue.of([Item("a")])
    catalogue.eligible(0)[:] = False
    assert catalogue.eligible(0).all()


def test_an_empty_catalogue_has_empty_columns() -> None:
    catalogue = Catalogue.of([])
    assert len(catalogue) == 0
    assert catalogue.eligible(0).dtype == np.bool_


PATHS = st.lists(st.lists(st.sampled_from("ab>"), max_size=3).map(tuple), max_size=9)


@given(PATHS, st.lists(st.sampled_from("ab>"), min_size=1, max_size=4).map(tuple))
def test_within_a_category_is_what_lies_in_it_or_deeper(paths: list[tuple[str, ...]], path: tuple[str, ...]) -> None:
    catalogue = Catalogue.of([Item(str(n), category=found) for n, found in enumerate(paths)])
    assert catalogue.within(path).tolist() == [found[: len(path)] == path for found in paths]


@pytest.mark.parametrize(
    ("text", "path"),
    [("Dairy", ("Dairy",)), (" Dairy >Milk > 1 l ", ("Dairy", "Milk", "1 l")), ("牛奶>x", ("牛奶", "x"))],
)
def test_a_path_is_written_from_the_widest_with_arrows(text: str, path: tuple[str, ...]) -> None:
    assert category_path(text) == path


@pytest.mark.parametrize("text", ["", " ", ">", "Dairy >", "> Milk", "Dairy > > Milk", ">" * 10_000])
def test_a_path_with_an_empty_part_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="has an empty part; write it from the widest: 'Dairy > Milk'") as refused:
        category_path(text)
    assert len(str(refused.value)) < 200
