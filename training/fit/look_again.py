"""Returning: score_ui = 1 / (1 + steps since shopper u last had item i in hand), a step being a moment of the history.

The session's own items, newest first, are a baseline that few models beat on the next click: Ludewig & Jannach,
"Evaluation of session-based recommendation algorithms", UMUAI 2018, and Ren et al., "RepeatNet", AAAI 2019, on how many
clicks repeat.
"""

import numpy as np
from pydantic import BaseModel

from models.errors import LearnedNothingError
from models.sources.base import Learned
from training.data import TrainingData


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `look_again`: none."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn that shoppers return. Raises LearnedNothingError if nobody ever came back to an item."""
    del settings
    if not np.any(data.summary.last_us > data.summary.first_us):
        why = "no shopper had an item in hand at two moments"
        raise LearnedNothingError("look_again", why, "import more events, or leave it out")
    return Learned({})
