"""The catalogue frame as the columns that requests read."""

import polars as pl

from models.catalogue import ALWAYS_FROM_US, ALWAYS_UNTIL_US, Catalogue, Item
from models.vocabulary import Vocabulary


def catalogue_of(items: pl.DataFrame, vocabulary: Vocabulary | None = None) -> Catalogue:
    """Lay a catalogue frame out in the vocabulary's rows."""
    columns = items.select(
        "item_id",
        pl.col("title").fill_null(""),
        pl.col("category").list.eval(pl.element().fill_null("")).fill_null([]),
        pl.col("brand").fill_null(""),
        pl.col("group_id").fill_null(""),
        pl.col("price").fill_null(float("nan")),
        "in_stock",
        "recommendable",
        pl.col("available_from").dt.timestamp("us").fill_null(int(ALWAYS_FROM_US)),
        pl.col("available_until").dt.timestamp("us").fill_null(int(ALWAYS_UNTIL_US)),
        pl.col("published_at").dt.timestamp("us").fill_null(int(ALWAYS_FROM_US)),
    )
    rows = [Item(item_id, title, tuple(category), *rest) for item_id, title, category, *rest in columns.iter_rows()]
    return Catalogue.of(rows, vocabulary)
