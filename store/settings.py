"""What a database decided once: a key is written by whoever comes first and never changes."""

from sqlalchemy import Connection, select

from store.bulk import insert_rows
from store.schema import settings


def recall(connection: Connection, key: str) -> str | None:
    """Return the value of `key`, or None when nobody has set it."""
    value: str | None = connection.scalar(select(settings.c.value).where(settings.c.key == key))
    return value


def remember(connection: Connection, key: str, value: str) -> str:
    """Set `key` to `value` unless it has a value already; return the value that it has now."""
    insert_rows(connection, settings, ("key", "value"), [(key, value)], "(key) DO NOTHING")
    kept = recall(connection, key)
    return value if kept is None else kept
