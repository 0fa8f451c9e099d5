"""What the service is tested on."""

from tests.databases import database, database_url, postgresql, postgresql_url, sqlite_url
from tests.services import home, settings, taught_home

__all__ = ["database", "database_url", "home", "postgresql", "postgresql_url", "settings", "sqlite_url", "taught_home"]
