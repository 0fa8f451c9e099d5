"""Items and users of a file on their way into the store."""

import time

from store.database import connect_database
from store.items import read_items, upsert_items
from store.migrate import upgrade
from tests.store.rows import item_row
from training.importing.fields import Reading
from training.importing.items import ITEM_FIELDS
from training.importing.upserts import UpsertTarget

BEGAN_US = 7_000_000


def test_every_batch_is_dated_when_it_is_written(sqlite_url: str) -> None:
    database = connect_database(sqlite_url)
    upgrade(database)
    target = UpsertTarget(ITEM_FIELDS, upsert_items, Reading(), BEGAN_US, began_seconds=time.monotonic() - 90)
    with database.writing() as connection:
        target.store(connection, [item_row("milk")])
    [[(changed_us,)]] = read_items(database, ("changed_us",))
    database.close()
    assert changed_us >= BEGAN_US + 90_000_000
