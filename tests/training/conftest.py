"""Training reads from both kinds of database."""

from tests.databases import database, database_url, postgresql, postgresql_url, sqlite_url

__all__ = ["database", "database_url", "postgresql", "postgresql_url", "sqlite_url"]
