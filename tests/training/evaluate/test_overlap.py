"""Overlap of lists whose overlap is known by hand, and what holds for all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Int32
from training.evaluate.overlap import PERSISTENCE, rank_biased_overlap, shared

K = 6


def lists(*rows: list[int]) -> Int32:
    return np.array([row + [-1] * (K - len(row)) for row in rows], dtype=np.int32)


ranked = st.lists(st.integers(0, 8), unique=True, max_size=K)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([1, 2, 3], [3, 2, 1], 1.0), ([1, 2], [2, 3], 0.5), ([1, 2, 3, 4], [1], 0.25), ([1], [2], 0.0), ([], [], 1.0)],
)
def test_what_is_shared_is_a_share_of_the_longer_list(one: list[int], other: list[int], expected: float) -> None:
    assert shared(lists(one), lists(other)).tolist() == [expected]


def test_rank_biased_overlap_is_that_of_the_paper() -> None:
    """Equation 23 by hand: agreement 0 at the first place, 1 of 2 at the second, 2 of 3 at the third."""
    found = rank_biased_overlap(lists([1, 2, 3]), lists([2, 4, 1]))
    p = PERSISTENCE
    assert found.tolist() == pytest.approx([2 / 3 * p**3 + (1 - p) / p * (0 * p + 1 / 2 * p**2 + 2 / 3 * p**3)])


@given(one=ranked, other=ranked)
def test_overlap_lies_between_none_and_all_whichever_list_comes_first(one: list[int], other: list[int]) -> None:
    for measure in (shared, rank_biased_overlap):
        (found,) = measure(lists(one), lists(other)).tolist()
        assert measure(lists(other), lists(one)).tolist() == pytest.approx([found])
        assert -1e-12 <= found <= 1 + 1e-12
        assert (found < 1e-12) == (not set(one) & set(other) and bool(one or other))


@given(one=ranked)
def test_a_list_overlaps_wholly_with_itself(one: list[int]) -> None:
    assert shared(lists(one), lists(one)).tolist() == [1.0]
    assert rank_biased_overlap(lists(one), lists(one)).tolist() == pytest.approx([1.0])


def test_a_difference_at_the_top_weighs_more_than_one_at_the_end() -> None:
    base = lists([1, 2, 3, 4, 5])
    top, end = lists([9, 2, 3, 4, 5]), lists([1, 2, 3, 4, 9])
    assert shared(base, top) == shared(base, end)
    assert rank_biased_overlap(base, top) < rank_biased_overlap(base, end)
