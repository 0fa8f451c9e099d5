"""The tables that a file can fill, by name."""

from typing import Literal, TypeAlias

from store.items import upsert_items
from store.users import upsert_users
from training.importing.events import EventsTarget, event_fields
from training.importing.fields import Field, Reading
from training.importing.items import ITEM_FIELDS
from training.importing.target import Target
from training.importing.upserts import UpsertTarget
from training.importing.users import USER_FIELDS

TableName: TypeAlias = Literal["events", "items", "users"]


def fields_of(table: TableName) -> tuple[Field, ...]:
    """Return the columns of a table's format."""
    return {"events": event_fields(0), "items": ITEM_FIELDS, "users": USER_FIELDS}[table]


def target_of(table: TableName, now_us: int, reading: Reading, *, shift_us: int = 0) -> Target:
    """Return the table for one import. shift_us: how far the times of events move."""
    match table:
        case "events":
            return EventsTarget(now_us, reading, shift_us=shift_us)
        case "items":
            return UpsertTarget(ITEM_FIELDS, upsert_items, reading, now_us)
        case "users":
            return UpsertTarget(USER_FIELDS, upsert_users, reading, now_us)
