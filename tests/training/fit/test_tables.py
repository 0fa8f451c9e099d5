import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from models.arrays import Float32
from training.fit import tables
from training.fit.tables import blocks_of, neighbours_of

MATRICES = st.tuples(st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**32 - 1))


def sparse(n_rows: int, n: int, seed: int) -> Float32:
    """Whole numbers from -2 to 4, so that some tie; half of them 0."""
    chance = np.random.default_rng(seed)
    values: Float32 = (chance.integers(-2, 5, (n_rows, n)) * (chance.random((n_rows, n)) < 0.5)).astype(np.float32)
    return values


@given(MATRICES, st.integers(1, 15), st.integers(0, 5))
def test_neighbours_are_the_k_most_similar_columns_but_oneself(
    drawn: tuple[int, int, int], k: int, first_row: int
) -> None:
    similarities = sparse(*drawn)
    found, weights = neighbours_of(csr_matrix(similarities), first_row, k)
    assert found.shape == weights.shape == (len(similarities), k)
    for row, values in enumerate(similarities):
        values[first_row + row : first_row + row + 1] = 0
        best = np.sort(values[values > 0])[::-1][:k]
        np.testing.assert_array_equal(weights[row], np.pad(best, (0, k - len(best))))
        near = found[row][: len(best)]
        np.testing.assert_array_equal(values[near], best)
        assert len(set(near.tolist())) == len(near)
        assert (found[row][len(best) :] == -1).all()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50))
def test_blocks_hold_every_row_once_and_only_a_single_row_is_too_large(pairs: list[int]) -> None:
    most, tables._PAIRS_AT_ONCE = tables._PAIRS_AT_ONCE, 12
    try:
        blocks = list(blocks_of(np.array(pairs)))
    finally:
        tables._PAIRS_AT_ONCE = most
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(len(pairs)))
    assert all(sum(pairs[block]) < 12 + 9 for block in blocks)
