"""Items whose factors agree with the shopper's: the model and its symbols stand in training/fit/factors.py."""

from dataclasses import asdict

from models.index import build_index
from models.sources.base import Learned
from training.data import TrainingData
from training.fit.factors import FactorSettings, item_factors


class Settings(FactorSettings, frozen=True):
    """The knobs of `als`."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn item factors, shape (n_warm, factors), as an index. Raises LearnedNothingError if no item is warm."""
    vectors, weights = item_factors(data, settings, "als")
    return Learned({}, {**asdict(weights), "query_items": settings.query_items}, build_index(vectors))
