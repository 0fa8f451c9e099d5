"""Open a database that is ready to use."""

from store.database import Database, connect_database
from store.migrate import ensure_schema


def open_database(url: str) -> Database:
    """Open the database at `url` and make sure that its schema is this Endcap's.

    A SQLite file is created and migrated as needed. A PostgreSQL database of an older schema is refused, because other
    processes may be using it. Raises DatabaseError.
    """
    database = connect_database(url)
    try:
        ensure_schema(database)
    except BaseException:
        database.close()
        raise
    return database
