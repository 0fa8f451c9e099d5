"""Many rows in and out as the driver's own tuples: SQLAlchemy's rows take four times as long to read."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, TypeAlias

from sqlalchemy import Connection, Double, Numeric, Select, Table, cast, select
from sqlalchemy.sql.elements import ColumnElement

from store.database import Database

Row: TypeAlias = tuple[Any, ...]
"""The values of one row, in the order of the columns that were named with it."""

# On PostgreSQL, 50,000 events take 2.5 s one by one and 1.1 s through COPY and a temporary table, which costs some
# milliseconds and a few rows in the catalogue of the server every time (2026-11).
_COPY_FROM_ROWS = 1_000


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], on_conflict: str
) -> int:
    """Insert `rows`, whose values are in the order of `columns`, and return how many rows were inserted or changed.

    on_conflict: the rest of the statement after ON CONFLICT, the same on both databases.
    """
    if not rows:
        return 0
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    if connection.dialect.name == "postgresql" and len(rows) >= _COPY_FROM_ROWS:
        arriving = f"{into} SELECT * FROM arriving ON CONFLICT {on_conflict}"  # noqa: S608 - names of our own
        return _copy_rows(connection, table, columns, rows, arriving)
    placeholder = "?" if connection.dialect.name == "sqlite" else "%s"
    values = ", ".join(placeholder for _ in columns)
    statement = f"{into} VALUES ({values}) ON CONFLICT {on_conflict}"
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def _copy_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], insert_arriving: str
) -> int:
    """Copy `rows` into a temporary table `arriving`, since COPY knows no ON CONFLICT, and insert them from it."""
    shape = f"SELECT {', '.join(columns)} FROM {table.name} LIMIT 0"  # noqa: S608 - names of our own
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE arriving AS {shape}")
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy("COPY arriving FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    written = connection.exec_driver_sql(insert_arriving).rowcount
    connection.exec_driver_sql("DROP TABLE arriving")
    return written


def select_columns(table: Table, columns: Sequence[str]) -> Select[Row]:
    """Select `columns` of `table` by name; NUMERIC comes as a float, where PostgreSQL would give a Decimal."""
    return select(*(_as_read(table.c[name]) for name in columns))


def _as_read(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(column, Double) if isinstance(column.type, Numeric) else column


def read_batches(database: Database, query: Select[Row], batch_size: int) -> Iterator[list[Row]]:
    """Give the rows of `query` in batches, holding one of them in memory at a time."""
    with database.reading() as connection, closing(_open_cursor(connection, query)) as cursor:
        while batch := cursor.fetchmany(batch_size):
            yield batch


def _open_cursor(connection: Connection, query: Select[Row]) -> Any:  # noqa: ANN401 - the drivers share no type
    """Return the driver's cursor with `query` executed: on the server for PostgreSQL, which would send all at once."""
    statement = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection.dbapi_connection
    cursor = driver.cursor() if connection.dialect.name == "sqlite" else driver.cursor(name="batches")
    cursor.execute(statement)
    return cursor
