"""Regression trees read by masks of bits: for a few hundred rows as fast as compiled trees, in numpy alone."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Float32, Int64, Masks

_FRACTION_BITS, _EXPONENT_BIAS = 23, 127


@dataclass(frozen=True)
class MaskedTrees:
    """The sum of trees, as QuickScorer reads them (Lucchese et al., SIGIR 2015).

    Each value of a feature forbids leaves: those on the other side of every split on that feature. The lowest leaf, one
    bit of a tree's mask, that no feature forbids is the leaf that the row falls into. QuickScorer goes through the
    splits of one row; here a feature's values are cut into bins, and one look at a table gives what its splits, in all
    trees, leave of the leaves.
    """

    features: Int64
    """Shape (k,): the columns that any tree splits on."""
    least: Float32
    """Shape (k, b), b a power of 2: the least value of each bin of a feature. Bin 0 is of NaN and bin 1 begins at
    -infinity; NaN where a feature has fewer bins."""
    masks: Masks
    """Shape (k, b, t): the leaves of each tree that each bin leaves, unsigned integers."""
    values: Float32
    """Shape (t, bits of a mask): what each leaf adds."""

    def __call__(self, features: Float32) -> Float32:
        """Return the sum of the trees for each row of features, shape (c, f) -> (c,)."""
        n_trees, n_bits = self.values.shape
        table = self.masks.reshape(-1, n_trees)
        # "clip" because whatever raises copies first.
        of_bins = table.take(self._bins(features), axis=0, mode="clip")
        flat = of_bins.reshape(len(of_bins), len(features) * n_trees)
        left = np.bitwise_and.reduce(flat, axis=0).view(f"i{table.itemsize}")
        left &= -left
        # A power of two is exact in single precision, and its exponent is the number of the bit.
        leaves = np.abs(left.astype(np.float32)).view(np.int32).reshape(-1, n_trees) >> _FRACTION_BITS
        leaves += np.arange(n_trees, dtype=np.int32) * n_bits - _EXPONENT_BIAS
        scores: Float32 = self.values.ravel().take(leaves, mode="clip").sum(axis=1)
        return scores

    def _bins(self, features: Float32) -> Int64:
        """Return in which bin of all bins each value lies, shape (k, c): a search by halves, for all at once."""
        values = features.T[self.features]
        n_features, step = self.least.shape
        bins = np.empty(values.shape, dtype=np.int64)
        bins[:] = np.arange(0, n_features * step, step)[:, None]
        least = self.least.ravel()
        while step := step // 2:
            bins += (values >= least[step:].take(bins, mode="clip")) * step
        return bins
