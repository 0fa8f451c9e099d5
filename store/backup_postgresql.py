"""Backups of a PostgreSQL database, by its own pg_dump and pg_restore, which have to be on the PATH."""

import os
import re
import subprocess
from pathlib import Path

from models.errors import DatabaseError, InputError
from store.database import Database
from store.migrate import refuse_unknown_revision, upgrade
from store.schema import metadata

MAGIC = b"PGDMP"
"""How a file of pg_dump's custom format begins."""


def dump(database: Database, path: Path) -> None:
    """Dump the database into the file at `path`, consistent as of now. Raises DatabaseError."""
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    _run(database, f"the database {database.name}", "pg_dump", *options, _target(database))


def load(database: Database, path: Path) -> None:
    """Put the backup in the place of our tables in one transaction, then migrate. Raises InputError, DatabaseError."""
    refuse_unknown_revision(f"the backup {path}", _revision_in(database, path))
    options = ("--single-transaction", "--clean", "--if-exists", "--no-owner", "--no-privileges")
    _run(database, f"the backup {path}", "pg_restore", *options, f"--dbname={_target(database)}", str(path))
    # pg_restore replaces the tables that the backup has; younger ones would stay, and stop their own migration.
    younger = set(metadata.tables) - _tables_in(database, path)
    with database.writing() as connection:
        for table in sorted(younger):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
    upgrade(database)


def _tables_in(database: Database, path: Path) -> set[str]:
    """Return the names of the tables that the backup holds."""
    listed = _run(database, f"the backup {path}", "pg_restore", "--list", str(path))
    return set(re.findall(r" TABLE \S+ (\S+) ", listed))


def _revision_in(database: Database, path: Path) -> str:
    """Return the schema revision that the backup says it has. Raises InputError when it is no backup of Endcap's."""
    options = ("--data-only", "--table=alembic_version", "--file=-")
    script = _run(database, f"the backup {path}", "pg_restore", *options, str(path))
    # The one row stands below COPY ... FROM stdin; and above the line that ends it.
    _, _, rows = script.partition("FROM stdin;\n")
    revision, _, _ = rows.partition("\n")
    if not revision:
        raise InputError(f"the backup {path} holds no Endcap database; name another file")
    return revision


def _target(database: Database) -> str:
    """Return the URL as libpq reads it, without the password: every user of the machine can read command lines."""
    return database.engine.url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _run(database: Database, subject: str, program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs and return what it prints. Raises DatabaseError, which says `subject`."""
    password = database.engine.url.password
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours, and no shell reads them
            [program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise DatabaseError(
            f"{program} is not installed; install PostgreSQL's client programs of the server's version "
            "(Debian: postgresql-client) and put them on the PATH"
        ) from error
    if done.returncode != 0:
        detail = " ".join(done.stderr.split())
        raise DatabaseError(f"{program} refused {subject}, and nothing was changed: {detail}")
    return done.stdout
