"""endcap db: upgrade, back up and restore the database."""

from pathlib import Path
from typing import Annotated

import typer

from cli.settings import read_settings
from store import backup as backups
from store.database import Database, connect_database
from store.migrate import upgrade as migrate
from store.schema import REVISIONS

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Upgrade, back up and restore the database.")


def _connect() -> Database:
    return connect_database(read_settings().database_url)


@app.command()
def upgrade() -> None:
    """Bring the database to the schema of this Endcap; SQLite files do that by themselves."""
    database = _connect()
    migrate(database)
    typer.echo(f"{database.name} is at schema revision {REVISIONS[-1]}")


@app.command()
def backup(
    path: Annotated[
        Path, typer.Argument(help="File to write; an older backup there is replaced once this one is whole.")
    ],
) -> None:
    """Write all of the database to a file, while others work with it. The file holds personal data."""
    database = _connect()
    backups.backup(database, path)
    typer.echo(f"backed up {database.name} to {path}")


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="File that `endcap db backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a database that has events.")] = False,
) -> None:
    """Make the database what it was when the backup was made; it comes in whole or not at all."""
    database = _connect()
    backups.restore(database, path, replace=replace)
    typer.echo(f"restored {database.name} from {path}")
