"""How far each import got, committed together with what it brought in."""

from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Column, Connection, func, insert, select, update

from models.errors import BusyError
from store.schema import imports


@dataclass(frozen=True)
class ImportRun:
    """One run of an import, as its row says. What a file was is its hash: a mended file is another one."""

    import_id: int
    kind: str
    """events, items, users, complete-journey, online-retail."""
    source: str
    """The path or the name of the package, for people."""
    sha256: str
    mapping: str
    """A digest of the options that decide what the lines mean."""
    lines_done: int
    accepted: int
    duplicates: int
    rejected: int
    state: str
    """running (or broken off) and finished."""
    started_us: int
    finished_us: int | None


def begin_import(
    connection: Connection, *, kind: str, source: str, sha256: str, mapping: str, now_us: int
) -> ImportRun:
    """Return the unfinished run of this very file with this mapping, to go on after its `lines_done`, or a new one."""
    columns = imports.c
    same = (columns.kind == kind, columns.sha256 == sha256, columns.mapping == mapping, columns.state == "running")
    found = connection.execute(
        select(*_columns()).where(*same).order_by(columns.import_id.desc()).limit(1)
    ).one_or_none()
    if found is not None:
        return ImportRun(*found)
    new = {
        "kind": kind,
        "source": source,
        "sha256": sha256,
        "mapping": mapping,
        "lines_done": 0,
        "accepted": 0,
        "duplicates": 0,
        "rejected": 0,
        "state": "running",
        "started_us": now_us,
    }
    created = connection.execute(insert(imports).values(new).returning(*_columns())).one()
    return ImportRun(*created)


def advance_import(
    connection: Connection, run: ImportRun, *, lines: int, accepted: int, duplicates: int, rejected: int
) -> ImportRun:
    """Record `lines` more lines and what became of them; return the run as it is now.

    Call it in the transaction that stores the lines. Raises BusyError when another process advanced the same run.
    """
    advanced = replace(
        run,
        lines_done=run.lines_done + lines,
        accepted=run.accepted + accepted,
        duplicates=run.duplicates + duplicates,
        rejected=run.rejected + rejected,
    )
    _save(connection, run, advanced)
    return advanced


def finish_import(connection: Connection, run: ImportRun, *, now_us: int) -> ImportRun:
    """Record that the whole file was read; return the run as it is now. Raises BusyError as `advance_import` does."""
    finished = replace(run, state="finished", finished_us=now_us)
    _save(connection, run, finished)
    return finished


def lines_imported(connection: Connection) -> int:
    """Return how many lines all imports together have read: it grows whenever one got on."""
    return connection.scalar(select(func.coalesce(func.sum(imports.c.lines_done), 0))) or 0


def _save(connection: Connection, before: ImportRun, after: ImportRun) -> None:
    values = {field.name: getattr(after, field.name) for field in fields(after) if field.name != "import_id"}
    columns = imports.c
    # The row as this process left it, or nothing: two processes on one file would otherwise skip each other's lines.
    unmoved = (columns.lines_done == before.lines_done, columns.state == before.state)
    statement = update(imports).where(columns.import_id == before.import_id, *unmoved).values(values)
    if connection.execute(statement).rowcount != 1:
        raise BusyError(f"another process is importing {before.source}; let it finish, then run this again")


def _columns() -> list[Column[Any]]:
    return [imports.c[field.name] for field in fields(ImportRun)]
