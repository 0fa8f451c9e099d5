"""The schema of a database against the one of this Endcap. Only `upgrade` imports alembic, when it has to."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from models.errors import DatabaseError
from store.database import Database
from store.schema import REVISIONS, metadata

_EXPECTED = REVISIONS[-1]


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database says it has, or None when it has no tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def ensure_schema(database: Database) -> None:
    """Bring a SQLite file to the expected revision; refuse a PostgreSQL database of another one."""
    with database.reading() as connection:
        revision = current_revision(connection)
    if revision == _EXPECTED:
        return
    refuse_unknown_revision(f"the database {database.name}", revision)
    if not database.is_embedded:
        state = "has no Endcap tables yet" if revision is None else f"has schema revision {revision}, not {_EXPECTED}"
        raise DatabaseError(f"the database {database.name} {state}; run `endcap db upgrade`")
    upgrade(database)


def upgrade(database: Database) -> None:
    """Bring the database to the expected revision, all of it or nothing. Raises DatabaseError."""
    with database.writing() as connection:
        if not database.is_embedded:
            # Two upgrades at once would both create the tables; SQLite has one writer anyway.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('endcap db upgrade'))"))
        revision = current_revision(connection)
        if revision == _EXPECTED:
            return
        refuse_unknown_revision(f"the database {database.name}", revision)
        if revision is None:
            _refuse_strangers(database, connection)
        _run_migrations(connection)


def refuse_unknown_revision(subject: str, revision: str | None) -> None:
    """Raise DatabaseError when `revision` is not one that this Endcap knows; None, no tables at all, is.

    subject: what has it, for the message.
    """
    if revision is not None and revision not in REVISIONS:
        raise DatabaseError(
            f"{subject} has schema revision {revision}, and this Endcap knows up to {_EXPECTED}; "
            "install the Endcap that wrote it or a newer one, or restore a backup with `endcap db restore`"
        )


def _refuse_strangers(database: Database, connection: Connection) -> None:
    there = set(inspect(connection).get_table_names())
    # A PostgreSQL database may be shared under other names; a SQLite file belongs to one program.
    strange = sorted(there if database.is_embedded else there & set(metadata.tables))
    if strange:
        raise DatabaseError(
            f"the database {database.name} has tables of another program ({', '.join(strange[:5])}); "
            "give Endcap a database of its own in ENDCAP_DATABASE_URL"
        )


def _run_migrations(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - it takes 0.2 s, and a service never migrates
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
