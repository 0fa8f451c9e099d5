"""What the service is tested on."""

from tests.databases import database, database_url, postgresql, postgresql_url, sqlite_url
from tests.services import home, settings, taught_home
from tests.valkeys import shared_valkey, valkey, valkey_url

__all__ = [
    "database",
    "database_url",
    "home",
    "postgresql",
    "postgresql_url",
    "settings",
    "shared_valkey",
    "sqlite_url",
    "taught_home",
    "valkey",
    "valkey_url",
]
