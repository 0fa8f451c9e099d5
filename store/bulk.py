"""Many rows in and out at the speed of the driver: SQLAlchemy's own rows take half as long again."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Double, Numeric, Select, Table, cast, select
from sqlalchemy.sql.elements import ColumnElement

from store.database import Database

Row = tuple[Any, ...]
"""The values of one row as the driver gives and takes them, in the order of the columns that were named."""


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], on_conflict: str
) -> int:
    """Insert `rows`, whose values are in the order of `columns`, and return how many rows were inserted or changed.

    on_conflict: the rest of the statement after ON CONFLICT, the same on both databases.
    """
    if not rows:
        return 0
    placeholder = "?" if connection.dialect.name == "sqlite" else "%s"
    statement = (
        f"INSERT INTO {table.name} ({', '.join(columns)}) "  # noqa: S608 - names of our own tables and columns
        f"VALUES ({', '.join(placeholder for _ in columns)}) ON CONFLICT {on_conflict}"
    )
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def select_columns(table: Table, columns: Sequence[str]) -> Select[Row]:
    """Select `columns` of `table` by name; NUMERIC comes as a float, where PostgreSQL would give a Decimal."""
    return select(*(_as_read(table.c[name]) for name in columns))


def _as_read(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(column, Double) if isinstance(column.type, Numeric) else column


def read_rows(connection: Connection, query: Select[Row]) -> list[Row]:
    """Return all rows of `query`."""
    rows: list[Row] = connection.execute(query).cursor.fetchall()  # type: ignore[union-attr]
    return rows


def read_batches(database: Database, query: Select[Row], batch_size: int) -> Iterator[list[Row]]:
    """Give the rows of `query` in batches, holding one of them in memory at a time."""
    with database.reading() as connection:
        # A server-side cursor on PostgreSQL, which would send everything at once; nothing on SQLite, which never does.
        cursor = connection.execution_options(stream_results=True).execute(query).cursor
        while batch := cursor.fetchmany(batch_size):  # type: ignore[union-attr]
            yield batch
