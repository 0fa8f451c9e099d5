"""Training reads from both kinds of database."""

from tests.databases import database, database_url, postgresql, postgresql_url, sqlite_url
from tests.services import taught_home

__all__ = ["database", "database_url", "postgresql", "postgresql_url", "sqlite_url", "taught_home"]
