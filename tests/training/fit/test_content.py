from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from models.errors import InputError, LearnedNothingError
from models.words import Description, Words, unit_rows
from tests.worlds import NOW, World, event, event_frame, every_world, item, item_frame
from training.fit.content import Settings, directions_of, fit
from training.fit.tokens import descriptions_of, own_embeddings, tf_idf


def catalogue(*rows: dict[str, Any]) -> pl.DataFrame:
    return item_frame([item(f"i{number}", **row) for number, row in enumerate(rows)])


def similarity(items: pl.DataFrame) -> np.ndarray[Any, Any]:
    told = tf_idf(items, "content")
    vectors = unit_rows(told.matrix @ directions_of(told.weighed, 32, seed=1))[told.text_of]
    return np.asarray(vectors @ vectors.T)


def test_items_alike_in_every_word_point_the_same_way_and_strangers_apart() -> None:
    tent, pan = {"category": ("outdoor",), "title": "Dome Tent"}, {"category": ("kitchen",), "title": "Iron pan"}
    likeness = similarity(catalogue(tent, {**tent, "title": "dome tent"}, pan, pan))
    np.testing.assert_allclose(likeness[:2, :2], 1, atol=1e-5)
    np.testing.assert_allclose(likeness[2:, 2:], 1, atol=1e-5)
    np.testing.assert_allclose(likeness[:2, 2:], 0, atol=1e-5)


def test_a_deeper_shared_category_is_nearer() -> None:
    whole, skimmed, bread = ("food", "milk", "whole"), ("food", "milk", "skimmed"), ("food", "bread")
    paths = (whole, whole, skimmed, bread, bread, skimmed)
    likeness = similarity(catalogue(*({"category": path, "title": "x"} for path in paths)))
    assert likeness[0, 1] > likeness[0, 2] > likeness[0, 3]


def test_each_value_of_an_attribute_counts_and_kinds_do_not_mix() -> None:
    apart = {"title": None, "category": ()}
    likeness = similarity(
        catalogue(
            {**apart, "attributes": '{"colour": "red", "sizes": ["s", "m"]}'},
            {**apart, "attributes": '{"sizes": ["m", "l"]}'},
            {**apart, "brand": "m"},
            {**apart, "brand": "m"},
            {**apart, "title": "M"},
            {**apart, "title": "M"},
        )
    )
    assert likeness[0, 1] > 0.5
    np.testing.assert_allclose(likeness[:2, 2:], 0, atol=1e-5)
    np.testing.assert_allclose(likeness[2:4, 4:], 0, atol=1e-5)


def test_vectors_are_reduced_and_the_same_every_time() -> None:
    chance = np.random.default_rng(2)
    words = [" ".join(f"w{word}" for word in chance.integers(60, size=6)) for _ in range(200)]
    matrix = tf_idf(catalogue(*({"title": title, "category": ()} for title in words)), "content").matrix
    one, other = directions_of(matrix, 16, seed=1), directions_of(matrix, 16, seed=1)
    assert one.shape == (matrix.shape[1], 16)
    np.testing.assert_array_equal(one, other)
    # Another start finds the same space, and signs are fixed.
    np.testing.assert_allclose(directions_of(matrix, 16, seed=2), one, atol=1e-3)


def test_a_text_of_many_items_is_read_once_and_weighs_as_much_as_all_of_them() -> None:
    chance = np.random.default_rng(3)
    titles = [" ".join(f"w{word}" for word in chance.integers(12, size=3)) for _ in range(9)]
    repeated = [titles[place] for place in chance.integers(9, size=60)]
    told = tf_idf(catalogue(*({"title": title, "category": ()} for title in repeated)), "content")
    assert told.matrix.shape[0] == len(set(repeated))
    of_items = told.matrix[told.text_of].toarray()
    np.testing.assert_allclose((told.weighed.T @ told.weighed).toarray(), of_items.T @ of_items, atol=1e-9)


def test_items_that_share_nothing_teach_nothing() -> None:
    with pytest.raises(LearnedNothingError, match="import items with titles"):
        tf_idf(catalogue({"title": "alone", "category": ()}, {"title": "apart", "category": ()}), "content")


def test_the_shops_own_vectors_are_taken_and_what_has_none_is_nothing() -> None:
    vectors = own_embeddings(catalogue({"embedding": [3.0, 4.0]}, {"embedding": None}, {"embedding": []}))
    np.testing.assert_array_equal(vectors, [[3, 4], [0, 0], [0, 0]])
    np.testing.assert_allclose(unit_rows(vectors)[0], [0.6, 0.8])


@pytest.mark.parametrize(
    ("embeddings", "told"),
    [
        ([[1.0, 2.0], [1.0, 2.0], [1.0]], "differ in length: that of item 'i2'"),
        ([[1.0, 2.0], [1.0, float("nan")]], "item 'i1' holds a value that is no number"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused_by_name(embeddings: list[list[float]], told: str) -> None:
    with pytest.raises(InputError, match=told):
        own_embeddings(catalogue(*({"embedding": vector} for vector in embeddings)))


def test_a_new_item_lies_where_training_would_have_put_it() -> None:
    for world in every_world():
        learned = fit(world.data(), Settings())
        words, index = Words.load(learned.arrays), learned.index
        assert words is not None
        assert index is not None
        placed = words.vectors(list(descriptions_of(world.data().items)))
        np.testing.assert_allclose(placed, index.vectors, atol=1e-5)


def test_of_the_shops_own_vectors_no_words_are_kept() -> None:
    items = catalogue({"embedding": [3.0, 4.0]}, {"embedding": [1.0, 0.0]})
    events = event_frame([event("u:1", "i0", NOW - timedelta(days=1))])
    words = Words.load(fit(World("vectors", events, items, ()).data(), Settings()).arrays)
    assert words is not None
    assert words.directions.shape == (0, 2)
    assert words.vectors([Description("i0")]).tolist() == [[0, 0]]
