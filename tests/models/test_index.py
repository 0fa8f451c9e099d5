import gc
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import index as index_module
from models.alike import Alike
from models.arrays import Float32, Mask
from models.by_length import ByLength
from models.errors import BundleError
from models.index import ExactIndex, HnswIndex, Index, build_index, read_index
from models.topk import best_first, top_rows

KINDS: Final = (ExactIndex, HnswIndex)


def clustered(n: int, d: int = 32, clusters: int = 60) -> Float32:
    """Vectors of one length around some centres, as item vectors lie."""
    chance = np.random.default_rng(5)
    centres = chance.normal(size=(clusters, d))
    vectors = centres[chance.integers(clusters, size=n)] + 0.6 * chance.normal(size=(n, d))
    unit: Float32 = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


VECTORS = clustered(4_000)
QUERIES = clustered(4_030)[4_000:]
INDEXES: dict[type, Index] = {kind: kind.of(VECTORS) for kind in KINDS}
EVERYTHING: Mask = np.ones(len(VECTORS), np.bool_)
OF_ALL_LENGTHS: Float32 = VECTORS * np.random.default_rng(6).pareto(1.5, (len(VECTORS), 1)).astype(np.float32)
"""As item vectors of ALS are: the popular ones long."""
ONE_WAY: Final = np.abs(OF_ALL_LENGTHS)
BY_LENGTH: Final = {turned: ExactIndex.of(ONE_WAY if turned else OF_ALL_LENGTHS) for turned in (False, True)}
SHARED: Final = np.random.default_rng(7).integers(0, 900, len(VECTORS))
ALIKE: Final = ExactIndex.of(VECTORS[SHARED])
"""As vectors of content are where a catalogue says the same of many items."""


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type:
    chosen: type = request.param
    return chosen


def test_an_index_holds_its_vectors(kind: type) -> None:
    np.testing.assert_array_equal(INDEXES[kind].vectors, VECTORS)
    assert len(INDEXES[kind]) == len(VECTORS)
    assert INDEXES[kind].vectors.flags.c_contiguous


@given(st.integers(0, 29), st.integers(1, 200), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_answers_lie_inside_any_mask_are_distinct_and_best_first(query: int, k: int, share: float, seed: int) -> None:
    mask: Mask = np.random.default_rng(seed).random(len(VECTORS)) < share
    for index in INDEXES.values():
        rows, scores = index.search(QUERIES[query], mask, k)
        assert mask[rows].all()
        assert len(set(rows.tolist())) == len(rows) <= k
        assert (np.diff(scores) <= 0).all()
        assert [rows.dtype, scores.dtype] == [np.dtype(np.int32), np.dtype(np.float32)]
        # The same sum in another order, of 32 products below 1.
        np.testing.assert_allclose(scores, VECTORS[rows] @ QUERIES[query], atol=1e-5)


def test_no_row_passes_an_empty_mask(kind: type) -> None:
    rows, scores = INDEXES[kind].search(QUERIES[0], ~EVERYTHING, 10)
    assert (len(rows), len(scores)) == (0, 0)


def test_one_row_passes_a_mask_of_one(kind: type) -> None:
    mask = ~EVERYTHING
    mask[123] = True
    assert INDEXES[kind].search(QUERIES[0], mask, 10)[0].tolist() == [123]


def test_more_than_there_are_gives_all_there_are(kind: type) -> None:
    few = kind.of(VECTORS[:7])  # type: ignore[attr-defined]
    assert sorted(few.search(QUERIES[0], EVERYTHING[:7], 50)[0].tolist()) == list(range(7))


def test_vectors_outlive_their_index(kind: type) -> None:
    vectors = kind.of(VECTORS[:2_000]).vectors  # type: ignore[attr-defined]
    gc.collect()
    np.testing.assert_array_equal(vectors, VECTORS[:2_000])


def test_an_index_of_nothing_answers_nothing(kind: type) -> None:
    nothing = kind.of(VECTORS[:0])  # type: ignore[attr-defined]
    assert len(nothing.search(QUERIES[0], EVERYTHING[:0], 3)[0]) == len(nothing) == 0


def test_an_index_of_one_row_answers_with_it(kind: type) -> None:
    assert kind.of(VECTORS[:1]).search(QUERIES[0], EVERYTHING[:1], 3)[0].tolist() == [0]  # type: ignore[attr-defined]


def test_a_saved_index_answers_the_same(kind: type, tmp_path: Path) -> None:
    INDEXES[kind].save(tmp_path / "vectors.faiss")
    again = read_index(tmp_path / "vectors.faiss")
    assert type(again) is kind
    assert_same_answers(INDEXES[kind], again)


def assert_same_answers(one: Index, other: Index) -> None:
    for query in QUERIES[:5]:
        answers = (index.search(query, EVERYTHING, 50) for index in (one, other))
        for before, after in zip(*answers, strict=True):
            np.testing.assert_array_equal(before, after)


def test_what_was_saved_before_anything_was_kept_beside_an_index_answers_the_same(kind: type, tmp_path: Path) -> None:
    INDEXES[kind].save(tmp_path / "vectors.faiss")
    for beside in tmp_path.glob("vectors.*.npy"):
        beside.unlink()
    again = read_index(tmp_path / "vectors.faiss")
    assert again.vectors.flags.aligned, "numpy copies what is not before it multiplies"
    assert_same_answers(INDEXES[kind], again)


def test_a_saved_order_by_length_is_mapped_and_answers_the_same(tmp_path: Path) -> None:
    BY_LENGTH[False].save(tmp_path / "vectors.faiss")
    again = read_index(tmp_path / "vectors.faiss")
    assert isinstance(again, ExactIndex)
    assert isinstance(again._shorter, ByLength)
    for array in (again.vectors, again._shorter.rows, again._shorter.vectors):
        assert isinstance(array.base, np.memmap)
        assert array.flags.aligned
    assert_same_answers(BY_LENGTH[False], again)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("vectors", VECTORS[:-1]),
        ("vectors", VECTORS.astype(np.float64)),
        ("longest_first", np.arange(len(VECTORS) - 1, dtype=np.int32)),
        ("longest_first", np.arange(len(VECTORS), dtype=np.int32) + 1),
        ("longest_first", np.arange(len(VECTORS), dtype=np.int64)),
        ("longest_first_vectors", VECTORS[:, :-1]),
    ],
)
def test_arrays_of_another_index_are_refused(name: str, array: Float32, tmp_path: Path) -> None:
    BY_LENGTH[False].save(tmp_path / "vectors.faiss")
    np.save(tmp_path / f"vectors.{name}.npy", array)
    with pytest.raises(ValueError, match=r"vectors\..* is .*, vectors.faiss is|rows go from 1"):
        read_index(tmp_path / "vectors.faiss")


def test_the_same_vectors_give_the_same_file(kind: type, tmp_path: Path) -> None:
    for name in ("one", "two"):
        kind.of(VECTORS[:500]).save(tmp_path / name)  # type: ignore[attr-defined]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_damaged_file_is_refused_by_name(kind: type, tmp_path: Path) -> None:
    INDEXES[kind].save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for broken in (b"", b"not an index", whole[:100], whole[: len(whole) // 2], whole[:-1]):
        (tmp_path / "broken.faiss").write_bytes(broken)
        with pytest.raises(BundleError, match=r"broken\.faiss .* train again or roll back"):
            read_index(tmp_path / "broken.faiss")


def test_a_file_of_another_kind_of_index_is_refused_by_name(tmp_path: Path) -> None:
    import faiss  # noqa: PLC0415 - only this claim needs FAISS itself

    faiss.write_index(faiss.IndexLSH(8, 16), str(tmp_path / "other.faiss"))
    with pytest.raises(BundleError, match=r"other\.faiss holds a IndexLSH"):
        read_index(tmp_path / "other.faiss")


@given(st.integers(0, 29), st.integers(1, 300), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_exact_search_is_a_full_sort(query: int, k: int, share: float, seed: int) -> None:
    mask: Mask = np.random.default_rng(seed).random(len(VECTORS)) < share
    rows, scores = INDEXES[ExactIndex].search(QUERIES[query], mask, k)
    products = INDEXES[ExactIndex].vectors @ QUERIES[query]
    np.testing.assert_array_equal(rows, top_rows(products, mask, k))
    np.testing.assert_array_equal(scores, products[rows])


@given(st.integers(0, 29), st.integers(0, 300), st.floats(0.0, 1.0), st.sampled_from((False, True)), st.integers(0, 99))
def test_leaving_short_vectors_out_loses_nothing(query: int, k: int, share: float, turned: object, seed: int) -> None:
    index = BY_LENGTH[bool(turned)]
    assert isinstance(index._shorter, ByLength)
    mask: Mask = np.random.default_rng(seed).random(len(index)) < share
    # Turned away from all vectors, the longest are the worst.
    asked = -np.abs(QUERIES[query]) if turned else QUERIES[query]
    rows, scores = index.search(asked, mask, k)
    products = index.vectors @ asked
    np.testing.assert_allclose(scores, products[top_rows(products, mask, k)], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scores, products[rows], rtol=1e-4, atol=1e-6)
    assert mask[rows].all()
    assert len(set(rows.tolist())) == len(rows)


@given(st.integers(0, 29), st.integers(0, 300), st.floats(0.0, 1.0), st.integers(0, 99))
def test_comparing_what_is_the_same_once_loses_nothing(query: int, k: int, share: float, seed: int) -> None:
    assert isinstance(ALIKE._shorter, Alike)
    mask: Mask = np.random.default_rng(seed).random(len(ALIKE)) < share
    rows, scores = ALIKE.search(QUERIES[query], mask, k)
    products = (VECTORS[:900] @ QUERIES[query])[SHARED]
    np.testing.assert_allclose(scores, products[top_rows(products, mask, k)], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scores, products[rows], rtol=1e-4, atol=1e-6)
    # What is the same to the last bit is in the order of ties.
    np.testing.assert_array_equal(rows, rows[best_first(scores, rows, len(rows))])
    assert mask[rows].all()
    assert len(set(rows.tolist())) == len(rows)


def test_what_is_the_same_is_mapped_and_answers_the_same(tmp_path: Path) -> None:
    ALIKE.save(tmp_path / "vectors.faiss")
    again = read_index(tmp_path / "vectors.faiss")
    assert isinstance(again, ExactIndex)
    assert isinstance(again._shorter, Alike)
    assert isinstance(again._shorter.vectors.base, np.memmap)
    assert len(again._shorter.vectors) == len(set(SHARED.tolist()))
    assert_same_answers(ALIKE, again)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("different", SHARED[:-1].astype(np.int32)),
        ("different", SHARED),
        ("different", (SHARED + 900).astype(np.int32)),
        ("different_vectors", VECTORS[:900, :-1]),
        ("different_vectors", VECTORS[:5]),
        ("different_vectors", VECTORS[:900].ravel()),
    ],
)
def test_what_is_the_same_in_another_index_is_refused(name: str, array: Float32, tmp_path: Path) -> None:
    ALIKE.save(tmp_path / "vectors.faiss")
    np.save(tmp_path / f"vectors.{name}.npy", array)
    with pytest.raises(ValueError, match=r"vectors\..* is .*, vectors.faiss is|vectors go from"):
        read_index(tmp_path / "vectors.faiss")


def test_few_that_are_the_same_are_all_compared() -> None:
    assert ExactIndex.of(VECTORS)._shorter is None


def recall_at_50(mask: Mask) -> float:
    found = [
        len(set(INDEXES[HnswIndex].search(query, mask, 50)[0]) & set(INDEXES[ExactIndex].search(query, mask, 50)[0]))
        for query in QUERIES
    ]
    return sum(found) / (len(QUERIES) * min(50, int(mask.sum())))


def test_a_graph_finds_what_exact_search_finds() -> None:
    assert recall_at_50(EVERYTHING) >= 0.95


def test_a_graph_finds_it_inside_a_wide_mask_too() -> None:
    assert recall_at_50(np.arange(len(VECTORS)) % 4 != 0) >= 0.95


def test_a_graph_searches_a_narrow_mask_exactly() -> None:
    assert recall_at_50(np.arange(len(VECTORS)) % 40 == 0) == 1.0


def test_few_rows_are_compared_exactly_and_many_by_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "EXACT_UP_TO_NUMBERS", VECTORS[:100].size)
    assert isinstance(build_index(VECTORS[:100]), ExactIndex)
    assert isinstance(build_index(VECTORS[:101]), HnswIndex)
    assert isinstance(build_index(VECTORS[SHARED]), HnswIndex)
    monkeypatch.setattr(index_module, "EXACT_UP_TO_NUMBERS", VECTORS[:900].size)
    assert isinstance(build_index(VECTORS[SHARED]), ExactIndex), "what is the same is compared once"
