"""What a database's refusal says goes to logs and to /readyz, so it holds nothing of a row."""

import pytest
from sqlalchemy import text

from models.errors import DatabaseError
from store.database import Database


def test_a_refusal_names_no_value_of_the_row(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE once (shopper VARCHAR(40) PRIMARY KEY)"))
    insert = text("INSERT INTO once VALUES ('u:secret-shopper'), ('u:secret-shopper')")
    with pytest.raises(DatabaseError) as refused, database.writing() as connection:
        connection.execute(insert)
    assert "secret-shopper" not in str(refused.value)
    assert "once" in str(refused.value)
