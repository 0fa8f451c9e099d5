import numpy as np
import pytest

from models.nearest import NearestRows

ROWS = np.array([[1, 2], [0, 2]], np.int32)
COSINES = np.array([[0.9, 0.5], [0.9, 0.0]], np.float32)
NEAREST = NearestRows(ROWS, COSINES)


def test_the_nearest_rows_of_a_row_come_best_first() -> None:
    found = NEAREST.of(0)
    assert found is not None
    rows, cosines = found.first(np.array([True, False, True]), 5)
    assert (rows.tolist(), cosines.tolist()) == ([2], [0.5])


def test_of_a_row_that_has_few_near_ones_or_was_not_asked_about_nothing_is_known() -> None:
    assert NEAREST.of(1) is None
    assert NEAREST.of(2) is None


def test_it_is_kept_whole_or_not_at_all() -> None:
    again = NearestRows.load(NEAREST.arrays())
    assert again is not None
    np.testing.assert_array_equal(again.nearest_rows, ROWS)
    assert NearestRows.load({"rates": COSINES}) is None
    for name in NEAREST.arrays():
        with pytest.raises(KeyError, match="nearest_"):
            NearestRows.load({other: array for other, array in NEAREST.arrays().items() if other != name})
