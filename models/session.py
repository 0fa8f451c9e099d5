"""What somebody looked at in this session, sent along with the request: events that no history holds yet."""

from dataclasses import replace

import numpy as np

from models.arrays import Int32
from models.events import CODE_OF
from models.history import Events, Memory, Summary, summarise

COUNTED = 50
"""Items of a session that count, the newest."""

_VIEW = CODE_OF["view"]


def looked_at(rows: Int32, now_us: int, memory: Memory) -> Summary:
    """Return one row per item of a session, as of now.

    rows: shape (m,), item rows in the order they were looked at, repeats included; all >= 0. Each weighs what a view
    does; where the memory gives views no weight, the least that it gives anything: who sends a session wants it to
    count.
    """
    n = len(rows)
    events = Events(
        owners=np.zeros(n, dtype=np.int32),
        items=rows,
        types=np.full(n, _VIEW, dtype=np.uint8),
        # A microsecond apart, so that the last one looked at is the newest.
        ts_us=now_us - np.arange(n, dtype=np.int64)[::-1],
        prices=np.full(n, np.nan, dtype=np.float32),
        orders=np.full(n, -1, dtype=np.int32),
    )
    weights = list(memory.weights)
    weights[_VIEW] = weights[_VIEW] or min((weight for weight in weights if weight > 0), default=0.0)
    return summarise(events, now_us, replace(memory, weights=tuple(weights)))
