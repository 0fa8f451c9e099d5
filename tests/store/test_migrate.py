"""The migrations lead to exactly the schema that the code speaks of."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

import store.migrate
from models.errors import DatabaseError
from store.database import Database, connect_database
from store.migrate import upgrade
from store.schema import REVISIONS, metadata


def test_the_migrations_make_the_schema(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_migrations_make_the_names_checks_and_partial_indexes_too(database: Database) -> None:
    with database.engine.begin() as connection:
        migrated = described(connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert described(connection) == migrated
    assert migrated["events"][2][0]["name"] == "events_has_a_shopper"


def described(connection: Any) -> dict[str, list[Any]]:  # noqa: ANN401 - SQLAlchemy's inspector takes many things
    inspector = inspect(connection)
    return {
        table: [
            [{**column, "type": str(column["type"])} for column in inspector.get_columns(table)],
            [(index["name"], [*index["column_names"]], conditions(index)) for index in inspector.get_indexes(table)],
            inspector.get_check_constraints(table),
            inspector.get_unique_constraints(table),
            inspector.get_pk_constraint(table),
        ]
        for table in metadata.tables
    }


def conditions(index: ReflectedIndex) -> dict[str, str]:
    return {name: str(value) for name, value in index["dialect_options"].items()}


def test_the_code_knows_every_revision_in_order() -> None:
    scripts = ScriptDirectory(str(Path(store.migrate.__file__).parent / "migrations"))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def test_upgrading_again_changes_nothing(database: Database) -> None:
    with database.reading() as connection:
        before = described(connection)
    upgrade(database)
    with database.reading() as connection:
        assert described(connection) == before


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate = store.migrate._run_migrations

    def migrate_and_fail(connection: Any) -> None:  # noqa: ANN401
        migrate(connection)
        raise ZeroDivisionError

    database = connect_database(database_url)
    with monkeypatch.context() as patch:
        patch.setattr(store.migrate, "_run_migrations", migrate_and_fail)
        with pytest.raises(ZeroDivisionError):
            upgrade(database)
    assert inspect(database.engine).get_table_names() == []
    upgrade(database)
    database.close()


def test_a_database_of_another_program_is_left_alone(database_url: str) -> None:
    database = connect_database(database_url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE items (name TEXT)"))
    with pytest.raises(DatabaseError, match=r"has tables of another program \(items\); give Endcap"):
        upgrade(database)
    assert inspect(database.engine).get_table_names() == ["items"]
    database.close()


def test_opening_a_current_database_does_not_load_alembic(database: Database) -> None:

    url = database.engine.url.render_as_string(hide_password=False)
    script = "import sys; from store.opening import open_database; open_database(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, check=True)
    assert "alembic" not in done.stdout.split()
