"""A history with events that have just been stored, without reading it again."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from models.events import CANCELS
from models.history import NEVER_US, Events, History, Memory, Recent

_CANCELLING = list(CANCELS)


def appended(history: History, item_ids: Sequence[str], events: Events, memory: Memory) -> History | None:
    """Return the history that reading all events would give, or None when it must be read.

    item_ids, events: the new events that name an item, in order of arrival; all of the history's shopper, and stored
    after what it holds. It must be read when an event is not later than the past (it lies in what the past has summed
    up), takes another back (the past may count what was taken back), or is earlier than one that does (which may name
    its order).
    """
    if not len(events):
        return history
    old = history.recent.events
    last_cancel_us = old.ts_us[np.isin(old.types, _CANCELLING)].max(initial=NEVER_US)
    first_us = events.ts_us.min()
    if first_us <= history.past.as_of_us or first_us < last_cancel_us or np.isin(events.types, _CANCELLING).any():
        return None
    first_order = old.orders.max(initial=-1) + 1
    # The numbers of orders are local to each reading: new ones go on where the old ones end.
    new = replace(events, orders=np.where(events.orders < 0, events.orders, events.orders + first_order))
    joined = Events(*(np.concatenate([getattr(old, f.name), getattr(new, f.name)]) for f in fields(Events)))
    order = np.argsort(joined.ts_us, kind="stable")[-memory.recent_events :]
    ids = (*history.recent.item_ids, *item_ids)
    return History(history.past, Recent(tuple([ids[at] for at in order.tolist()]), _take(joined, order)))


def _take(events: Events, order: np.ndarray) -> Events:
    return Events(*(getattr(events, f.name)[order] for f in fields(Events)))
