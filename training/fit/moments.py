"""Moments: the events of one shopper that no time lies between, such as the lines of an order."""

import numpy as np

from models.arrays import Int32
from models.history import Events


def moments_of(events: Events) -> Int32:
    """Return the number, from 0, of each event's moment, shape (n,).

    events: by owner and time. Two owners never share a moment.
    """
    is_new = (np.diff(events.ts_us, prepend=-1) != 0) | (np.diff(events.owners, prepend=-1) != 0)
    return np.cumsum(is_new, dtype=np.int32) - 1
