import math

import numpy as np
import pytest

from training.evaluate.exposure import Demand

# Thirds of a demand of 12: row 2 alone is the first, rows 0 and 1 the second, the others the last.
DEMAND = Demand(np.array([3, 2, 4, 1, 1, 1, 0]), n_shoppers=7, can_show=np.array([True] * 6 + [False]))


def lists(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def test_coverage_is_the_share_of_what_can_be_shown() -> None:
    assert DEMAND.exposure(lists([0, 1], [0, 2]))["coverage"] == pytest.approx(3 / 6)


def test_novelty_is_higher_for_what_fewer_shoppers_know() -> None:
    assert DEMAND.exposure(lists([2]))["novelty"] == pytest.approx(-math.log2(5 / 8))
    assert DEMAND.exposure(lists([6]))["novelty"] == pytest.approx(-math.log2(1 / 8))


def test_places_are_shared_by_thirds_of_the_demand() -> None:
    shown = DEMAND.exposure(lists([2, 0, 1, 3], [2, 6, -1, -1]))
    assert [shown[part] for part in ("head", "torso", "tail")] == pytest.approx([2 / 6, 2 / 6, 2 / 6])


def test_empty_lists_show_nothing() -> None:
    assert set(DEMAND.exposure(lists([-1, -1])).values()) == {0.0}
