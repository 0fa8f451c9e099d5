"""Fitted trees in the form that serves: LightGBM's own are the slowest part of a request, and need LightGBM."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import Float32, Float64, Masks
from models.masked_trees import MaskedTrees
from training.rank.trees import Trees

MOST_LEAVES: Final = 64
"""Bits of the widest mask."""


@dataclass(frozen=True)
class _Split:
    tree: int
    feature: int
    threshold: float
    """The largest value that goes left."""
    left: int
    right: int
    """The leaves below, a bit each."""
    unknown_goes_left: bool


def masked(trees: Trees) -> MaskedTrees:
    """Return the same trees as they serve.

    They say what LightGBM's predict says, up to the order of a sum, with one exception: a value that was never missing
    in training and is now goes where most examples went, where LightGBM takes it for 0.
    """
    splits: list[_Split] = []
    leaves = [_read_tree(number, tree, splits) for number, tree in enumerate(_dumped(trees))]
    n_bits = next(bits for bits in (16, 32, MOST_LEAVES) if bits >= max(len(of_tree) for of_tree in leaves))
    values = np.zeros((len(leaves), n_bits), dtype=np.float32)
    for row, of_tree in zip(values, leaves, strict=True):
        row[: len(of_tree)] = of_tree
    features = np.unique(np.array([split.feature for split in splits], dtype=np.int64))
    of_features = [[split for split in splits if split.feature == feature] for feature in features.tolist()]
    least = _least_of_bins(of_features)
    masks = np.empty((*least.shape, len(leaves)), dtype=f"u{n_bits // 8}")
    for table, row, of_feature in zip(masks, least, of_features, strict=True):
        _fill(table, row, of_feature)
    return MaskedTrees(features, least, masks, values)


def _dumped(trees: Trees) -> list[dict[str, Any]]:
    return [info["tree_structure"] for info in trees.booster.dump_model()["tree_info"]]


def _read_tree(number: int, tree: dict[str, Any], splits: list[_Split]) -> list[float]:
    """Return the values of a tree's leaves from left to right, and add its splits to the others."""
    values: list[float] = []

    def leaves_below(node: dict[str, Any]) -> int:
        if "split_feature" not in node:
            values.append(node["leaf_value"])
            return 1 << (len(values) - 1)
        left, right = leaves_below(node["left_child"]), leaves_below(node["right_child"])
        is_told = node["missing_type"] == "NaN"
        goes_left = node["default_left"] if is_told else 2 * _seen(node["left_child"]) >= _seen(node)
        splits.append(_Split(number, node["split_feature"], node["threshold"], left, right, goes_left))
        return left | right

    leaves_below(tree)
    return values


def _seen(node: dict[str, Any]) -> int:
    """Return how many examples came by."""
    n: int = node["internal_count"] if "split_feature" in node else node["leaf_count"]
    return n


def _least_of_bins(of_features: list[list[_Split]]) -> Float32:
    """Return the least value of each bin: no split parts the values of one bin."""
    bounds = [np.unique(_least_above(np.array([split.threshold for split in splits]))) for splits in of_features]
    most = max((len(bound) for bound in bounds), default=0)
    least = np.full((len(bounds), 1 << (most + 1).bit_length()), np.nan, dtype=np.float32)
    least[:, 1] = -np.inf
    for row, bound in zip(least, bounds, strict=True):
        row[2 : 2 + len(bound)] = bound
    return least


def _least_above(thresholds: Float64) -> Float32:
    """Return the least numbers of single precision above thresholds of double precision."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, nearest, np.nextafter(nearest, np.float32(np.inf)))


def _fill(table: Masks, least: Float32, splits: list[_Split]) -> None:
    """Write into a table, shape (b, t), which leaves each bin of a feature leaves."""
    table[:] = np.iinfo(table.dtype).max
    above = _least_above(np.array([split.threshold for split in splits]))
    for split, bound in zip(splits, above, strict=True):
        goes_left = least < bound
        goes_left[0] = split.unknown_goes_left
        forbidden = np.where(goes_left, table.dtype.type(split.right), table.dtype.type(split.left))
        table[:, split.tree] &= ~forbidden
