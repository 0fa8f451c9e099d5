import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.ordered import OrderedRows
from models.topk import top_rows


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=40), st.integers(1, 50), st.data())
def test_the_first_of_an_order_are_the_best_inside_the_mask(drawn: list[float], k: int, data: st.DataObject) -> None:
    scores = np.array(drawn, np.float32)
    n = len(scores)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    rows, found = OrderedRows.of(scores, np.arange(n, dtype=np.int32)).first(mask, k)
    assert rows.tolist() == top_rows(scores, mask, k).tolist()
    np.testing.assert_array_equal(found, scores[rows])


def test_what_passes_far_down_the_order_is_found() -> None:
    n = 5_000
    ordered = OrderedRows.of(-np.arange(n, dtype=np.float32), np.arange(n, dtype=np.int32))
    mask = np.zeros(n, np.bool_)
    mask[[4_000, 4_999]] = True
    assert ordered.first(mask, 3)[0].tolist() == [4_000, 4_999]
    assert ordered.first(~mask, n)[0].tolist() == np.flatnonzero(~mask).tolist()


def test_rows_that_the_order_does_not_hold_are_never_answered() -> None:
    ordered = OrderedRows.of(np.ones(2, np.float32), np.array([7, 3], np.int32))
    assert set(ordered.first(np.ones(9, np.bool_), 9)[0].tolist()) == {3, 7}
    assert len(OrderedRows.of(np.ones(0, np.float32), np.zeros(0, np.int32)).first(np.ones(9, np.bool_), 9)[0]) == 0
