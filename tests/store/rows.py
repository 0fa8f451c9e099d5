"""Rows for the store, with everything that a test does not speak of filled in."""

from store.bulk import Row
from store.events import EVENT_COLUMNS
from store.items import ITEM_COLUMNS


def event_row(event_id: str, **values: object) -> Row:
    """Return a purchase at time 100 by user 1, but for `values`."""
    row: dict[str, object] = dict.fromkeys(EVENT_COLUMNS)
    row |= {"event_id": event_id, "digest": 7, "event_type": "purchase", "user_id": "1", "item_id": "milk"}
    row |= {"ts_us": 100, "quantity": 1.0, "price": 2.5} | values
    return tuple(row.values())


def event_rows(n: int, prefix: str = "e", **values: object) -> list[Row]:
    """Return n such events with ids of their own."""
    return [event_row(f"{prefix}{i}", **values) for i in range(n)]


def item_row(item_id: str, **values: object) -> Row:
    """Return an item in stock, but for `values`."""
    row: dict[str, object] = dict.fromkeys(ITEM_COLUMNS)
    row |= {"item_id": item_id, "title": "Milk", "price": 2.5, "in_stock": True, "recommendable": True} | values
    return tuple(row.values())
