"""How much two ranked lists have in common."""

from typing import Final

import numpy as np

from models.arrays import Float64, Int32

PERSISTENCE: Final = 0.9
"""The p of rank-biased overlap: nine of ten who look at a place look at the next one as well, so that the first ten
places have 86 % of the weight."""


def shared(one: Int32, other: Int32) -> Float64:
    """Return how many rows two lists have in common over the length of the longer one, shape (q,), in [0, 1].

    Both (q, k), the rows of a list distinct, -1 = no row. Two empty lists have everything in common.
    """
    depths = _depths(one, other)
    in_common = _agreement(one, other)[np.arange(len(one)), np.maximum(depths, 1) - 1]
    return np.where(depths > 0, in_common / np.maximum(depths, 1), 1.0)


def rank_biased_overlap(one: Int32, other: Int32) -> Float64:
    """Return the extrapolated rank-biased overlap of two lists, shape (q,), in [0, 1]; both (q, k), -1 = no row.

    Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", TOIS 2010, equation 23:
    RBO = A_k p^k + (1 - p) / p * sum over depths d from 1 to k of A_d p^d, with A_d = (rows in common to depth d) / d
    and p = PERSISTENCE. Lists of two lengths are compared to the end of the longer one.
    """
    depths = _depths(one, other)
    places = np.arange(1, one.shape[1] + 1)
    agreed = _agreement(one, other) / places
    weights = PERSISTENCE**places * (places <= depths[:, None])
    last = agreed[np.arange(len(one)), np.maximum(depths, 1) - 1] * PERSISTENCE**depths
    found: Float64 = last + (1 - PERSISTENCE) / PERSISTENCE * (agreed * weights).sum(axis=1)
    return np.where(depths > 0, found, 1.0)


def _depths(one: Int32, other: Int32) -> Int32:
    """Return the length of the longer of two lists, shape (q,)."""
    lengths = [np.where(lists >= 0, np.arange(1, lists.shape[1] + 1), 0).max(axis=1) for lists in (one, other)]
    longer: Int32 = np.maximum(*lengths).astype(np.int32)
    return longer


def _agreement(one: Int32, other: Int32) -> Float64:
    """Return how many rows both lists have in common down to each place, shape (q, k)."""
    place = np.arange(one.shape[1])
    # A row that stands at i in one list and at j in the other is in common from the later of both places on.
    same = (one[:, :, None] == other[:, None, :]) & (one[:, :, None] >= 0)
    from_place = np.maximum(place[:, None], place[None, :])
    added = np.stack([(same & (from_place == d)).sum(axis=(1, 2)) for d in place], axis=1)
    agreement: Float64 = np.cumsum(added, axis=1).astype(np.float64)
    return agreement
