"""What shoppers like, as events and as a matrix: what every collaborative fit begins with."""

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from models.errors import LearnedNothingError
from models.history import Events, cancelled
from training.data import TrainingData


def liked(data: TrainingData) -> Events:
    """Return the events with a weight above 0 that nothing took back, by owner and time."""
    weights = np.asarray(data.memory.weights)
    return data.events.where((weights[data.events.types] > 0) & ~cancelled(data.events))


def liked_warm(data: TrainingData, source: str) -> Events:
    """Return those of warm items. Raises LearnedNothingError in the source's name if no item is warm."""
    require_warm(data, source)
    events = liked(data)
    return events.where(events.items < data.n_warm)


def liking_matrix(data: TrainingData, source: str) -> csr_matrix:
    """Return r_ui, float32, shape (n_shoppers, n_warm): the square root of the decayed weight, as a query weighs it.

    Raises LearnedNothingError in the source's name if no item is warm.
    """
    require_warm(data, source)
    warm = data.summary.take((data.summary.items < data.n_warm) & (data.summary.decayed > 0))
    shape = (len(data.shoppers), data.n_warm)
    return coo_matrix((np.sqrt(warm.decayed), (warm.owners, warm.items)), shape=shape).tocsr()


def require_warm(data: TrainingData, source: str) -> None:
    """Raise LearnedNothingError in the source's name if no item has enough shoppers."""
    if data.n_warm == 0:
        why = "no item has as many shoppers as min_shoppers asks"
        raise LearnedNothingError(source, why, "import more events, lower min_shoppers")
