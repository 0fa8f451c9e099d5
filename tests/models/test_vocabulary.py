import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UnknownItemError
from models.vocabulary import Vocabulary

IDS = st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8), unique=True)


@given(IDS)
def test_an_id_and_its_row_find_each_other(ids: list[str]) -> None:
    vocabulary = Vocabulary(ids)
    assert len(vocabulary) == len(ids)
    assert [vocabulary.ids[vocabulary.row(item_id)] for item_id in ids] == ids
    assert vocabulary.rows(ids).tolist() == list(range(len(ids)))
    assert vocabulary.rows(ids).dtype == np.int32


@given(IDS, IDS)
def test_an_unknown_id_has_row_minus_one(ids: list[str], asked: list[str]) -> None:
    vocabulary = Vocabulary(ids)
    for item_id, row in zip(asked, vocabulary.rows(asked).tolist(), strict=True):
        assert row == (ids.index(item_id) if item_id in ids else -1)
        assert (item_id in vocabulary) == (row >= 0)


@given(IDS, st.lists(st.text(min_size=1, max_size=2)))
def test_a_longer_vocabulary_keeps_every_row(ids: list[str], more: list[str]) -> None:
    longer = Vocabulary(ids).extended(more)
    assert longer.ids[: len(ids)] == tuple(ids)
    assert sorted(longer.ids[len(ids) :]) == sorted(set(more) - set(ids))
    assert longer.extended(more) is longer


def test_a_row_of_an_unknown_id_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(UnknownItemError, match="'ghost' is not in the vocabulary of 2 items; import it"):
        Vocabulary(["a", "b"]).row("ghost")


def test_an_id_of_ten_thousand_characters_is_not_printed_whole() -> None:
    with pytest.raises(UnknownItemError) as refused:
        Vocabulary([]).row("x" * 10_000)
    assert len(str(refused.value)) < 200


def test_an_id_that_stands_twice_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'b' stands twice in a vocabulary of 4"):
        Vocabulary(["a", "b", "c", "b"])
