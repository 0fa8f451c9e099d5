"""The catalogue in SQL."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from store.bulk import Row, read_batches, select_columns
from store.database import Database
from store.schema import items
from store.upserts import Upserted, upsert_rows

ITEM_COLUMNS = tuple(column.name for column in items.columns if column.name != "changed_us")
"""The order of the values in a row for `upsert_items`: the table's, without `changed_us`."""


def upsert_items(connection: Connection, rows: Sequence[Row], *, now_us: int) -> Upserted:
    """Insert the items that are new and replace those that differ, whose `changed_us` becomes `now_us`.

    rows: values in the order of ITEM_COLUMNS; of two with one id the last counts.
    """
    return upsert_rows(connection, items, ITEM_COLUMNS, rows, now_us=now_us)


def read_items(
    database: Database,
    columns: Sequence[str] = ITEM_COLUMNS,
    *,
    changed_since_us: int | None = None,
    batch_size: int = 10_000,
) -> Iterator[list[Row]]:
    """Give the items, or those with changed_us >= `changed_since_us`, by id, in batches. Money comes as floats."""
    query = select_columns(items, columns).order_by(items.c.item_id)
    if changed_since_us is not None:
        query = query.where(items.c.changed_us >= changed_since_us)
    yield from read_batches(database, query, batch_size)
