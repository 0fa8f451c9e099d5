"""What the shop tells about its users, in SQL."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from store.bulk import Row, read_batches, select_columns
from store.database import Database
from store.schema import users
from store.upserts import Upserted, upsert_rows

USER_COLUMNS = ("user_id", "attributes", "created_at_us")
"""The order of the values in a row for `upsert_users`."""


def upsert_users(connection: Connection, rows: Sequence[Row], *, now_us: int) -> Upserted:
    """Insert the users that are new and replace those that differ, whose `changed_us` becomes `now_us`.

    rows: values in the order of USER_COLUMNS; of two with one id the last counts.
    """
    return upsert_rows(connection, users, USER_COLUMNS, rows, now_us=now_us)


def read_users(
    database: Database, columns: Sequence[str] = USER_COLUMNS, *, batch_size: int = 10_000
) -> Iterator[list[Row]]:
    """Give the users by id, in batches."""
    yield from read_batches(database, select_columns(users, columns).order_by(users.c.user_id), batch_size)
