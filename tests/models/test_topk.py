import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Float32, Mask
from models.topk import best_first, tie_order, top_rows

# Few distinct values, so that scores tie often.
SCORES = st.lists(st.integers(-3, 3).map(float), max_size=60).map(lambda drawn: np.array(drawn, np.float32))


def sorted_whole(scores: Float32, mask: Mask) -> list[int]:
    """The slow twin: sort everything by score, then by the scatter of the row."""
    return sorted(np.flatnonzero(mask).tolist(), key=lambda row: (-scores[row], int(tie_order(np.array([row]))[0])))


@given(SCORES, st.integers(0, 70), st.data())
def test_the_best_k_inside_a_mask_are_those_of_a_full_sort(scores: Float32, k: int, data: st.DataObject) -> None:
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))), np.bool_)
    rows = top_rows(scores, mask, k)
    assert rows.dtype == np.int32
    assert rows.tolist() == sorted_whole(scores, mask)[:k]


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from((0.0, 0.001, 0.03, 0.9, 1.0)), st.integers(0, 6))
def test_the_best_of_a_catalogue_are_those_of_a_full_sort(seed: int, k: int, share: float, decimals: int) -> None:
    chance = np.random.default_rng(seed)
    scores = np.round(chance.standard_normal(3_210), decimals).astype(np.float32)
    mask = chance.random(len(scores)) < share
    assert top_rows(scores, mask, k).tolist() == sorted_whole(scores, mask)[:k]


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from((0.03, 0.4, 0.9)), st.floats(-2, 3))
def test_only_what_is_above_a_number_is_among_the_best(seed: int, k: int, share: float, above: float) -> None:
    chance = np.random.default_rng(seed)
    scores = np.maximum(chance.standard_normal(3_210), -0.5).astype(np.float32)
    mask = chance.random(len(scores)) < share
    assert top_rows(scores, mask, k, above).tolist() == sorted_whole(scores, mask & (scores > above))[:k]


@given(SCORES, st.integers(0, 70))
def test_the_best_positions_are_those_of_a_full_sort(scores: Float32, k: int) -> None:
    rows = np.arange(len(scores), dtype=np.int32)[::-1]
    by_row = sorted(range(len(scores)), key=lambda at: (-scores[at], int(tie_order(rows[at : at + 1])[0])))
    assert best_first(scores, rows, k).tolist() == by_row[:k]


def test_ties_are_broken_alike_every_time_and_not_in_row_order() -> None:
    rows = top_rows(np.zeros(1_000, np.float32), np.ones(1_000, np.bool_), 20)
    assert rows.tolist() == top_rows(np.zeros(1_000, np.float32), np.ones(1_000, np.bool_), 20).tolist()
    assert len(set((rows // 100).tolist())) > 5, "the first twenty of a tie lie all over the catalogue"


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_no_two_rows_share_a_place_in_a_tie(one: int, other: int) -> None:
    first, second = tie_order(np.array([one, other]))
    assert (first == second) == (one == other)
