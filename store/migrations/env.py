"""Alembic runs this inside the transaction that store/migrate.py opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
