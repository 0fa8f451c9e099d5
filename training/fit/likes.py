"""The events that say something of liking: what every fit that needs more than the summary begins with."""

import numpy as np

from models.history import Events, cancelled
from training.data import TrainingData


def liked(data: TrainingData) -> Events:
    """Return the events with a weight above 0 that nothing took back, by owner and time."""
    weights = np.asarray(data.memory.weights)
    return data.events.where((weights[data.events.types] > 0) & ~cancelled(data.events))
