"""How sure a mean over users is, and whether two models differ: resampling whole users, seeded.

Intervals: percentile bootstrap over users (Efron & Tibshirani 1993, chapter 13). Differences: the same bootstrap on
paired differences, and Fisher's randomisation test for the p-value, as Smucker, Allan & Carterette, CIKM 2007,
recommend. A user with several lists (baskets, say) is one unit: their lists stay or go together.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import Float64, Int64

RESAMPLES = 2000
"""Changes the last digit of an interval; the smallest p-value is 1 / (RESAMPLES + 1)."""
SIGNIFICANT = 0.05
_BLOCK_CELLS = 4_000_000
"""Cells of one block of resamples: 32 MB of float64."""


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One model against another on the same users."""

    difference: Interval
    """Mean of (the one - the other)."""
    p_value: float
    """Two-sided: how often chance alone differs by as much."""

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance, at 5 %."""
        return self.p_value < SIGNIFICANT


@dataclass(frozen=True)
class PerUser:
    """Sums over each user's lists: the unit of resampling."""

    sums: Float64
    """Shape (u, m): m figures, summed over the user's lists."""
    n_lists: Float64
    """Shape (u,): > 0."""

    @classmethod
    def of(cls, values: Float64, users: Int64) -> "PerUser":
        """Gather values, shape (l, m), of l lists whose users are numbered in any way, shape (l,)."""
        _, user = np.unique(users, return_inverse=True)
        n_lists = np.bincount(user).astype(np.float64)
        sums = np.zeros((len(n_lists), values.shape[1]))
        np.add.at(sums, user, values)
        return cls(sums, n_lists)

    def means(self) -> Float64:
        """Return the mean over all lists, shape (m,)."""
        mean: Float64 = self.sums.sum(axis=0) / self.n_lists.sum()
        return mean


def intervals(users: PerUser, seed: int) -> list[Interval]:
    """Return one interval per figure."""
    return _with_bounds(users.means(), _bootstrap(users, seed))


def compare(one: PerUser, other: PerUser, seed: int) -> list[Comparison]:
    """Return one comparison per figure; both must hold the same users in the same order."""
    both = PerUser(one.sums - other.sums, one.n_lists)
    found = both.means()
    differences = _with_bounds(found, _bootstrap(both, seed))
    p_values = _randomisation(both, found, seed).tolist()
    return [Comparison(difference, p_value) for difference, p_value in zip(differences, p_values, strict=True)]


def _with_bounds(values: Float64, resampled: Float64) -> list[Interval]:
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    return [Interval(*figures) for figures in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)]


def _bootstrap(users: PerUser, seed: int) -> Float64:
    """Return the means of users drawn with replacement, shape (RESAMPLES, m)."""
    rng = np.random.default_rng([seed, 0])
    n = len(users.n_lists)
    means = []
    for size in _blocks(n):
        drawn = rng.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        means.append((times @ users.sums) / (times @ users.n_lists)[:, None])
    return np.concatenate(means)


def _randomisation(differences: PerUser, found: Float64, seed: int) -> Float64:
    """Return the two-sided p-values, shape (m,), when each user's difference might as well have the other sign."""
    rng = np.random.default_rng([seed, 1])
    n = len(differences.n_lists)
    total = differences.n_lists.sum()
    # Sums in another order differ in the last bits; a tie must count as a tie.
    bound = np.abs(found) * (1 - 1e-9)
    as_large = np.zeros(len(found))
    for size in _blocks(n):
        signs = rng.integers(0, 2, (size, n)) * 2.0 - 1.0
        as_large += (np.abs(signs @ differences.sums / total) >= bound).sum(axis=0)
    p_values: Float64 = (as_large + 1) / (RESAMPLES + 1)
    return p_values


def _blocks(n: int) -> list[int]:
    """Cut RESAMPLES into blocks that stay small in memory."""
    size = max(1, min(RESAMPLES, _BLOCK_CELLS // max(n, 1)))
    return [min(size, RESAMPLES - start) for start in range(0, RESAMPLES, size)]
