"""What a database decided once stays decided."""

from store.database import Database
from store.settings import recall, remember


def test_the_first_value_stays(database: Database) -> None:
    with database.writing() as connection:
        assert recall(connection, "shift") is None
        assert remember(connection, "shift", "") == ""
        assert remember(connection, "shift", "7") == ""
        assert recall(connection, "shift") == ""
