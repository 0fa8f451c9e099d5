from dataclasses import replace

import numpy as np
import pytest

from models.words import Description, Words, tokens_of

TENT = Description("Dome Tent, dome", ("outdoor", "tents"), "alpino", ("camping",), '{"size": ["s", "m"], "kg": 2}')


def test_all_that_is_said_of_an_item_becomes_tokens_by_kind() -> None:
    assert tokens_of(TENT) == [
        "title: dome",
        "title: tent",
        "title: dome",
        "category 1: outdoor",
        "category 2: outdoor > tents",
        "brand: alpino",
        "tag: camping",
        "attribute: size=s",
        "attribute: size=m",
        "attribute: kg=2",
    ]
    assert tokens_of(Description()) == tokens_of(Description(attributes="[1]")) == []


TOKENS = ("title: dome", "title: tent", "tag: camping")
WORDS = Words.of(TOKENS, np.array([[1, 0], [0, 2], [3, 0]], np.float32))


def test_an_item_lies_where_its_known_tokens_point() -> None:
    vectors = WORDS.vectors([TENT, Description("Tent for 2"), Description("Iron pan"), Description()])
    dome = np.array([1 + np.log(2) + 3, 2])
    np.testing.assert_allclose(vectors, [dome / np.linalg.norm(dome), [0, 1], [0, 0], [0, 0]], rtol=1e-6)


def test_no_items_have_no_vectors() -> None:
    assert WORDS.vectors([]).shape == (0, 2)


def test_words_come_back_from_the_arrays_that_a_bundle_keeps() -> None:
    again = Words.load(WORDS.arrays())
    assert again is not None
    np.testing.assert_array_equal(again.vectors([TENT]), WORDS.vectors([TENT]))
    assert Words.load({}) is None
    with pytest.raises(KeyError, match="directions"):
        Words.load({"tokens": WORDS.tokens})


OWN = Words.of((), np.zeros((0, 2), np.float32))


@pytest.mark.parametrize(
    ("embedding", "vector"),
    [([3.0, 4.0], [0.6, 0.8]), ([3.0, 4.0, 5.0], [0, 0]), ([np.nan, 4.0], [0, 0]), (None, [0, 0])],
)
def test_where_the_shop_brings_vectors_those_count_and_one_that_does_not_compare_is_nothing(
    embedding: list[float] | None, vector: list[float]
) -> None:
    item = replace(TENT, embedding=None if embedding is None else np.array(embedding, np.float32))
    np.testing.assert_allclose(OWN.vectors([item]), [vector])
