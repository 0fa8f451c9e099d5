"""A small network: what a ranker's trees were distilled into, because it answers in a fraction of their time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Float32

_FARTHEST = np.float32(5)
"""Standard deviations from the mean beyond which a feature says no more."""


@dataclass(frozen=True)
class Network:
    """Dense layers with rectifiers between them (Glorot et al., AISTATS 2011) over standardised features."""

    means: Float32
    """Shape (f,)."""
    scales: Float32
    """Shape (f,): 1 / standard deviation; 0 for a feature that never varied."""
    layers: Sequence[tuple[Float32, Float32]]
    """Weights, shape (inputs, outputs), and biases, shape (outputs,); the first layer has 2 f inputs, the last one
    output: each feature, 0 where it is NaN, and whether it is."""

    def __call__(self, features: Float32) -> Float32:
        """Return a score of each row of features, shape (c, f) -> (c,)."""
        values = self.inputs(features)
        *hidden, (weights, biases) = self.layers
        for inner_weights, inner_biases in hidden:
            values = values @ inner_weights
            values += inner_biases
            np.maximum(values, 0, out=values)
        scores: Float32 = (values @ weights)[:, 0] + biases[0]
        return scores

    def inputs(self, features: Float32) -> Float32:
        """Return what the first layer sees, shape (c, 2 f)."""
        n_features = features.shape[1]
        values = np.empty((len(features), 2 * n_features), dtype=np.float32)
        standard = features - self.means
        standard *= self.scales
        missing = np.isnan(standard)
        np.clip(standard, -_FARTHEST, _FARTHEST, out=standard)
        standard[missing] = 0
        values[:, :n_features] = standard
        values[:, n_features:] = missing
        return values
