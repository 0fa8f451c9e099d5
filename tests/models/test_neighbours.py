import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Float32
from models.neighbours import Neighbours
from models.sources.answers import Sums
from models.topk import top_rows


@st.composite
def tables(draw: st.DrawFn) -> Neighbours:
    """A table of up to 12 rows with up to 4 neighbours each, padded by -1, strongest first."""
    n = draw(st.integers(1, 12))
    rows, weights = np.full((n, 4), -1, np.int32), np.zeros((n, 4), np.float32)
    for row in range(n):
        near = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=4))
        rows[row, : len(near)] = near
        # Eighths add up exactly in float32, in any order.
        weights[row, : len(near)] = draw(
            st.lists(st.integers(1, 16).map(lambda x: x / 8), min_size=len(near), max_size=len(near))
        )
    return Neighbours(rows, weights)


def dense(table: Neighbours) -> Float32:
    """The same table as a matrix, shape (L, L)."""
    matrix = np.zeros((len(table), len(table)), np.float32)
    for row in range(len(table)):
        for near, weight in zip(table.rows[row], table.weights[row], strict=True):
            if near >= 0:
                matrix[row, near] = weight
    return matrix


@given(tables(), st.data())
def test_proposals_are_those_of_a_dense_matrix_product(table: Neighbours, data: st.DataObject) -> None:
    n_rows = len(table) + data.draw(st.integers(0, 3))
    query_rows = np.array(data.draw(st.lists(st.integers(0, n_rows - 1), max_size=6)), np.int32)
    query_weights = np.array([data.draw(st.integers(0, 4)) for _ in query_rows], np.float32)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows)), np.bool_)
    k = data.draw(st.integers(1, 15))

    query = np.zeros(n_rows, np.float32)
    np.add.at(query, query_rows, query_weights)
    scores = query[: len(table)] @ dense(table)
    expected = top_rows(scores, mask[: len(table)] & (scores > 0), k)

    rows, got = Sums(table.sums(query_rows, query_weights)).propose(mask, k)
    assert rows.tolist() == expected.tolist()
    np.testing.assert_array_equal(got, scores[expected])
    assert [rows.dtype, got.dtype] == [np.dtype(np.int32), np.dtype(np.float32)]


@given(tables(), st.data())
def test_contributions_add_up_to_the_score(table: Neighbours, data: st.DataObject) -> None:
    query_rows = np.array(data.draw(st.lists(st.integers(0, len(table) + 2), unique=True)), np.int32)
    query_weights = np.array([data.draw(st.integers(1, 4)) for _ in query_rows], np.float32)
    rows = np.arange(len(table), dtype=np.int32)
    covered = query_rows < len(table)
    added = table.contributions(query_rows[covered], query_weights[covered], rows)
    assert added.shape == (np.count_nonzero(covered), len(rows))
    assert (added >= 0).all()
    assert added.sum(axis=0).tolist() == table.sums(query_rows, query_weights)[:-1].tolist()


def test_a_row_that_nothing_reaches_has_no_contributions() -> None:
    table = Neighbours(np.array([[1], [-1]], np.int32), np.array([[1.0], [0.0]], np.float32))
    one, row = np.array([1], np.int32), np.array([0], np.int32)
    assert table.contributions(one, np.ones(1, np.float32), row).tolist() == [[0.0]]
