"""Many rows in and out as the driver's own tuples: SQLAlchemy's rows take four times as long to read."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Double, Numeric, Select, Table, cast, select
from sqlalchemy.sql.elements import ColumnElement

from store.database import Database

Row: TypeAlias = tuple[Any, ...]
"""The values of one row, in the order of the columns that were named with it."""

# On PostgreSQL, 50,000 events take 2.5 s one by one and 1.1 s through COPY and a temporary table, which costs some
# milliseconds and a few rows in the catalogue of the server every time (2026-11).
_COPY_FROM_ROWS = 1_000


# Parameters of one statement: SQLite takes 32,766.
_ROWS_AT_ONCE = 500


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], on_conflict: str
) -> int:
    """Insert `rows`, whose values are in the order of `columns`, and return how many rows were inserted or changed.

    on_conflict: the rest of the statement after ON CONFLICT, the same on both databases.
    """
    if not rows:
        return 0
    into = _into(table, columns)
    if connection.dialect.name == "postgresql" and len(rows) >= _COPY_FROM_ROWS:
        arriving = f"{into} SELECT * FROM arriving ON CONFLICT {on_conflict}"  # noqa: S608 - names of our own
        return _copy_rows(connection, table, columns, rows, arriving)
    placeholder = "?" if connection.dialect.name == "sqlite" else "%s"
    values = ", ".join(placeholder for _ in columns)
    statement = f"{into} VALUES ({values}) ON CONFLICT {on_conflict}"
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def insert_returning(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], on_conflict: str, returned: str
) -> set[Any]:
    """Insert `rows` as `insert_rows` does, and return the values of the column `returned` of those that went in.

    Of rows that conflict with each other the first goes in. Values: text, numbers and None.
    """
    found: set[Any] = set()
    arriving = _as_json if connection.dialect.name == "postgresql" else _as_values
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        source, parameters = arriving(table, columns, rows[begin : begin + _ROWS_AT_ONCE])
        statement = f"{_into(table, columns)} {source} ON CONFLICT {on_conflict} RETURNING {returned}"
        result = connection.exec_driver_sql(statement, parameters)
        found.update(value for (value,) in result.cursor.fetchall())
    return found


# 1 and 1,000 events on SQLite: 0.1 and 8 ms. On PostgreSQL, as JSON 0.3 and 14 ms, as values 1.0 and 40 (2026-11).
def _as_values(_table: Table, columns: Sequence[str], rows: Sequence[Row]) -> tuple[str, Row]:
    placeholders = f"({', '.join('?' for _ in columns)})"
    return f"VALUES {', '.join([placeholders] * len(rows))}", tuple(chain.from_iterable(rows))


def _as_json(table: Table, columns: Sequence[str], rows: Sequence[Row]) -> tuple[str, Row]:
    objects = orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows])
    source = f"SELECT {', '.join(columns)} FROM json_populate_recordset(NULL::{table.name}, %s::json)"  # noqa: S608 - names of our own
    return source, (objects.decode(),)


def _into(table: Table, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table.name} ({', '.join(columns)})"


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
