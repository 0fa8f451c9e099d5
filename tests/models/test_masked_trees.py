"""Trees read by masks say what a walk from root to leaf says, whatever is known of a row."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.arrays import Float32
from models.ensemble import Ensemble
from models.masked_trees import MaskedTrees
from models.network import Network

NUMBERS = st.floats(-4, 4, width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, 2.0])
N_FEATURES = 3


@dataclass(frozen=True)
class Fork:
    """What is below `bound` goes left, and what is unknown where it is told to."""

    feature: int
    bound: float
    unknown_goes_left: bool
    left: "Fork | float"
    right: "Fork | float"


Tree = Fork | float
TREES = st.recursive(
    st.floats(-1, 1, width=32),
    lambda below: st.builds(
        Fork, st.integers(0, N_FEATURES - 1), st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]), st.booleans(), below, below
    ),
    max_leaves=16,
)


def walk(tree: Tree, row: Float32) -> float:
    while isinstance(tree, Fork):
        value = row[tree.feature]
        goes_left = tree.unknown_goes_left if np.isnan(value) else value < tree.bound
        tree = tree.left if goes_left else tree.right
    return tree


def leaves_of(tree: Tree) -> list[float]:
    return [*leaves_of(tree.left), *leaves_of(tree.right)] if isinstance(tree, Fork) else [tree]


def masked(trees: list[Tree], dtype: str = "u2") -> MaskedTrees:
    """Every bound of any fork begins a bin of every feature: more bins than needed, and the same sums."""
    bounds = [-1.0, 0.0, 0.5, 1.0, 2.0]
    least = np.full((N_FEATURES, 8), np.nan, np.float32)
    least[:, 1:7] = [-np.inf, *bounds]
    masks = np.full((N_FEATURES, 8, len(trees)), np.iinfo(dtype).max, dtype)
    values = np.zeros((len(trees), 8 * masks.itemsize), np.float32)
    for number, tree in enumerate(trees):
        found = leaves_of(tree)
        values[number, : len(found)] = found
        forbid(masks[:, :, number], least[0], tree, 0)
    return MaskedTrees(np.arange(N_FEATURES), least, masks, values)


def forbid(masks: np.ndarray, least: Float32, tree: Tree, first: int) -> None:
    """first: the number of the tree's first leaf among those of the tree that it is a part of."""
    if not isinstance(tree, Fork):
        return
    n_left, n_right = len(leaves_of(tree.left)), len(leaves_of(tree.right))
    left = ((1 << n_left) - 1) << first
    right = ((1 << n_right) - 1) << (first + n_left)
    for number in range(7):
        goes_left = least[number] < tree.bound if number else tree.unknown_goes_left
        masks[tree.feature, number] &= masks.dtype.type(np.iinfo(masks.dtype).max ^ (right if goes_left else left))
    forbid(masks, least, tree.left, first)
    forbid(masks, least, tree.right, first + n_left)


ROWS = st.integers(0, 6).flatmap(lambda n: arrays(np.float32, (n, N_FEATURES), elements=NUMBERS))


@given(st.lists(TREES, min_size=1, max_size=4), ROWS, st.sampled_from(["u2", "u4", "u8"]))
def test_a_score_is_the_sum_of_the_leaves_that_a_row_falls_into(trees: list[Tree], rows: Float32, dtype: str) -> None:
    scores = masked(trees, dtype)(rows)
    assert scores.dtype == np.float32
    walked = [sum(walk(tree, row) for tree in trees) for row in rows]
    np.testing.assert_allclose(scores, np.array(walked, np.float32).reshape(-1), atol=1e-6)


@given(st.lists(TREES, min_size=1, max_size=4), ROWS)
def test_a_row_has_the_very_score_that_it_has_alone_and_is_left_as_it_is(trees: list[Tree], rows: Float32) -> None:
    before, form = rows.copy(), masked(trees)
    alone = [form(row[None, :])[0] for row in rows]
    np.testing.assert_array_equal(form(rows), np.array(alone, np.float32))
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(("dtype", "n_leaves"), [("u2", 16), ("u4", 32), ("u8", 64)])
def test_the_last_bit_of_a_mask_is_a_leaf_like_any_other(dtype: str, n_leaves: int) -> None:
    """A chain to the left: of what is known, the last leaf is that of all above the first bound."""
    tree: Tree = 0.0
    for number in range(1, n_leaves):
        tree = Fork(0, 1.0, unknown_goes_left=True, left=tree, right=float(number))
    form = masked([tree], dtype)
    assert form(np.array([[2, 0, 0], [0, 0, 0], [np.nan, 0, 0]], np.float32)).tolist() == [n_leaves - 1, 0, 0]


def test_trees_that_never_split_say_the_same_of_every_row() -> None:
    nothing = np.zeros(0, np.int64), np.zeros((0, 2), np.float32), np.zeros((0, 2, 2), np.uint16)
    values = np.zeros((2, 16), np.float32)
    values[:, 0] = 0.5, 0.25
    assert MaskedTrees(*nothing, values)(np.full((3, 4), np.nan, np.float32)).tolist() == [0.75] * 3


def test_what_serves_is_the_mean_of_a_network_and_trees() -> None:
    ones = np.ones(N_FEATURES, np.float32)
    layer = np.array([[1.0]] * N_FEATURES + [[0.0]] * N_FEATURES, np.float32), np.zeros(1, np.float32)
    form = Ensemble(
        Network(0 * ones, ones, [layer]), masked([Fork(0, 0.5, unknown_goes_left=True, left=-3.0, right=5.0)])
    )
    assert form(np.array([[1, 2, 0], [0, 1, np.nan]], np.float32)).tolist() == [(3 + 5) / 2, (1 - 3) / 2]
