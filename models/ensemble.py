"""What orders the best candidates: a network and the trees that taught it, each as sure as the other."""

from dataclasses import dataclass

from models.arrays import Float32
from models.masked_trees import MaskedTrees
from models.network import Network


@dataclass(frozen=True)
class Ensemble:
    """The mean of both log-odds: where one is wrong by chance, the other seldom is in the same way."""

    network: Network
    trees: MaskedTrees

    def __call__(self, features: Float32) -> Float32:
        """Return a score of each row of features, shape (c, f) -> (c,)."""
        scores = self.network(features)
        scores += self.trees(features)
        scores /= 2
        return scores
