"""Online Retail becomes a shop: a few of its lines, and the real file where it is."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from store.database import Database
from store.items import read_items
from store.opening import open_database
from tests.training.importing.shop_files import NOW_US, rejects_of, stored_events
from tests.worlds import microseconds
from training.importing.online_retail import online_retail
from training.importing.run import Outcome, run_import

FILE = Path(__file__).parents[4] / "shared" / "data" / "online-retail" / "transactions.parquet"

WINTER = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - the data set has no zone
SUMMER = datetime(2011, 7, 1, 9, 30)  # noqa: DTZ001
LINES = [
    ("536365", "85123A", " T-LIGHT HOLDER", 6, WINTER, 2.55, 17850.0),
    ("536366", "85123A", "T-LIGHT HOLDER", 1, SUMMER, 2.95, None),
    ("C536379", "85123A", "T-LIGHT HOLDER", -2, SUMMER, 2.55, 17850.0),
    ("536370", "POST", "POSTAGE", 1, SUMMER, 18.0, 12583.0),
    ("536414", "22139", "Unknown", 56, SUMMER, 0.0, None),
    ("536589", "21777", "damaged", -10, SUMMER, 0.0, None),
    ("A563186", "B", "Adjust bad debt", 1, SUMMER, -11062.06, None),
    ("536371", "22139", "RETRO SPOT TEA SET", 1, SUMMER, 4.25, 12583.0),
    ("537000", "gift_0001_20", "Gift Voucher £20.00", 1, SUMMER, 16.67, None),
    ("536372", "22139", "RETRO SPOT TEA SET", 3, SUMMER, 0.0, 12583.0),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "transactions.parquet"
    names = ("order_id", "item_id", "title", "quantity", "ts", "price", "user_id")
    pl.DataFrame(LINES, schema=names, orient="row").write_parquet(path)
    return path


def import_lines(database: Database, path: Path, timezone: str | None = None) -> list[Outcome]:
    jobs = online_retail(path, timezone)
    return [
        run_import(database, job, path.parent / "rejects", now_us=NOW_US, watch=lambda _share: None) for job in jobs
    ]


def test_lines_become_purchases_and_cancellations_refunds(database: Database, file: Path) -> None:
    outcome = import_lines(database, file)[-1]
    assert (outcome.accepted, outcome.rejected) == (7, 3)
    columns = ("event_type", "user_id", "anonymous_id", "item_id", "quantity", "price", "order_id", "currency")
    rows = stored_events(database, columns)
    assert rows[:3] == [
        ("purchase", "17850", None, "85123A", 6.0, 2.55, "536365", "GBP"),
        ("purchase", None, "order-536366", "85123A", 1.0, 2.95, "536366", "GBP"),
        ("refund", "17850", None, "85123A", 2.0, 2.55, None, "GBP"),
    ]


def test_corrections_are_rejected_with_their_reason(database: Database, file: Path) -> None:
    reasons = rejects_of(import_lines(database, file)[-1])
    assert list(reasons) == [5, 6, 7]
    assert "corrects the stock" in reasons[5]
    assert reasons[7] == "price -11062.06 is negative"


def test_times_are_local_in_london_or_in_the_zone_that_is_named(tmp_path: Path, file: Path) -> None:
    for name, zone, hours in (("london", None, (8, 8)), ("athens", "Europe/Athens", (6, 6))):
        database = open_database(f"sqlite:///{tmp_path / name}.sqlite3")
        import_lines(database, file, zone)
        times = [ts_us for (ts_us,) in stored_events(database, ("ts_us",))]
        assert times[0] == microseconds(datetime(2010, 12, 1, hours[0], 26, tzinfo=UTC))
        assert times[1] == microseconds(datetime(2011, 7, 1, hours[1], 30, tzinfo=UTC))
        database.close()


def test_the_catalogue_is_told_by_the_lines(database: Database, file: Path) -> None:
    import_lines(database, file)
    rows = [row for batch in read_items(database, ("item_id", "title", "price", "recommendable")) for row in batch]
    assert sorted(rows) == [
        ("21777", None, None, False),
        ("22139", "RETRO SPOT TEA SET", 4.25, True),
        ("85123A", "T-LIGHT HOLDER", 2.95, True),
        ("B", "Adjust bad debt", None, False),
        ("POST", "POSTAGE", 18.0, False),
        ("gift_0001_20", "Gift Voucher £20.00", 16.67, False),
    ]


def test_a_second_import_changes_nothing(database: Database, file: Path) -> None:
    first = import_lines(database, file)
    second = import_lines(database, file)
    assert [outcome.accepted for outcome in second] == [0, 0]
    assert [outcome.duplicates for outcome in second] == [outcome.accepted for outcome in first]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pl.DataFrame({"item_id": ["a"]}).write_parquet(path)
    with pytest.raises(InputError, match="is not Online Retail: it has no column order_id"):
        online_retail(path)


@pytest.mark.slow
@pytest.mark.skipif(not FILE.exists(), reason="the Online Retail file is not here")
def test_the_whole_file_is_imported(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'endcap.sqlite3'}")
    items, lines = [
        run_import(database, job, tmp_path / "rejects", now_us=NOW_US, watch=lambda _share: None)
        for job in online_retail(FILE)
    ]
    assert items.accepted == 4_070
    assert (lines.accepted, lines.rejected) == (539_432, 2_477)
    database.close()
