"""Rows by id that are replaced when they differ: the same rows a second time change nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, select

from store.bulk import Row, insert_rows


@dataclass(frozen=True)
class Upserted:
    """What became of a batch of rows; the three add up to its distinct ids."""

    inserted: int
    changed: int
    unchanged: int


def upsert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], *, now_us: int
) -> Upserted:
    """Insert or replace `rows` of a table whose key is columns[0] and which dates its changes in `changed_us`."""
    # Of two rows with one id the last counts; PostgreSQL cannot change a row twice in one statement.
    distinct = [(*row, now_us) for row in {row[0]: row for row in rows}.values()]
    before = connection.scalar(select(func.count()).select_from(table)) or 0
    written = insert_rows(connection, table, (*columns, "changed_us"), distinct, _replace_if_different(table, columns))
    inserted = (connection.scalar(select(func.count()).select_from(table)) or 0) - before
    return Upserted(inserted, written - inserted, len(distinct) - written)


def _replace_if_different(table: Table, columns: Sequence[str]) -> str:
    """Return what follows ON CONFLICT. SQLite and PostgreSQL share IS DISTINCT FROM."""
    key, *others = columns
    replaced = ", ".join(f"{name} = excluded.{name}" for name in (*others, "changed_us"))
    differs = " OR ".join(f"{table.name}.{name} IS DISTINCT FROM excluded.{name}" for name in others)
    return f"({key}) DO UPDATE SET {replaced} WHERE {differs}"
