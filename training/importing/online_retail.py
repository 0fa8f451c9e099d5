"""UCI Online Retail: a year of a British gift shop, every line as its till wrote it.

A cancellation (an order id that begins with C) is a refund. A quarter of the lines names no customer: they are kept
under an anonymous id made from the order, so that its basket is still learned from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from models.errors import InputError
from training.importing.fields import Reading
from training.importing.files import Batch, FileSource, FileView, FrameSource, open_file
from training.importing.rejects import Reject
from training.importing.run import Job
from training.importing.sales import told_by_sales

KIND = "online-retail"
ZONE = "Europe/London"
CURRENCY = "GBP"
COLUMNS = ("order_id", "item_id", "title", "quantity", "ts", "price", "user_id")

CHARGES = ("AMAZONFEE", "B", "BANK CHARGES", "C2", "CRUK", "D", "DOT", "M", "POST", "S")
"""Stock codes that are no wares: fees, bad debt, carriage, a charity's share, discounts, postage, samples."""

VOUCHERS = "GIFT_"
"""How the codes of gift vouchers begin."""

FILLED_IN = "Unknown"
"""The title of lines that came without one."""


def is_charge() -> pl.Expr:
    """Whether a line is no ware: a charge, a correction of the till or a gift voucher."""
    code = pl.col("item_id").str.to_uppercase()
    return code.is_in(CHARGES) | code.str.starts_with(VOUCHERS)


def is_stock_correction() -> pl.Expr:
    """Whether a line corrects the stock (found, damaged, thrown away): no customer, no price."""
    return pl.col("user_id").is_null() & (pl.col("price") == 0)


def is_cancellation() -> pl.Expr:
    """Whether a line takes one of an earlier order back."""
    return pl.col("order_id").str.starts_with("C")


def online_retail(path: Path, timezone: str | None = None) -> tuple[Job, ...]:
    """Return the imports of items and events. Raises InputError when the file has other columns."""
    file = open_file(path)
    reading = Reading(timezone=timezone or ZONE)
    items = FrameSource(file.name, file.sha256, _items(file))
    return Job(KIND, "items", items, reading), Job(KIND, "events", Lines(file), reading)


class Lines(FileView):
    """The lines of the file as purchases and refunds."""

    def batches(self) -> Iterator[Batch]:
        """Give the lines in the order of the file; corrections of the stock are among the unreadable ones."""
        for batch in self.file.batches():
            frame = _typed(batch.frame, self.name)
            corrects = frame.select(is_stock_correction()).to_series()
            corrections = _corrections(frame.filter(corrects), batch.lines[corrects.to_numpy()].tolist())
            unreadable = sorted([*batch.unreadable, *corrections], key=lambda reject: reject.line)
            events = frame.filter(~corrects).select(*events_of_lines())
            yield replace(batch, frame=events, lines=batch.lines[~corrects.to_numpy()], unreadable=tuple(unreadable))


def _corrections(frame: pl.DataFrame, lines: Sequence[int]) -> list[Reject]:
    reason = "corrects the stock: it has no customer and no price"
    return [Reject(line, reason, row) for line, row in zip(lines, frame.iter_rows(named=True), strict=True)]


def _typed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the columns of the data set, users as text. Raises InputError when one is missing."""
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        message = f"{name} is not Online Retail: it has no column {', '.join(missing)}; use `endcap import events`"
        raise InputError(message)
    customer = pl.col("user_id").cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String)
    numbers = pl.col("quantity", "price").cast(pl.Float64, strict=False)
    return frame.select(COLUMNS).with_columns(numbers, user_id=customer)


def events_of_lines() -> tuple[pl.Expr, ...]:
    """Return the columns of an event in the words of the data set."""
    quantity = pl.col("quantity")
    return (
        pl.when(is_cancellation()).then(pl.lit("refund")).otherwise(pl.lit("purchase")).alias("event_type"),
        pl.col("user_id"),
        pl.when(pl.col("user_id").is_null()).then("order-" + pl.col("order_id")).alias("anonymous_id"),
        pl.col("item_id"),
        pl.col("ts"),
        pl.when(is_cancellation()).then(quantity.abs()).otherwise(quantity).alias("quantity"),
        pl.col("price"),
        pl.lit(CURRENCY).alias("currency"),
        # A cancellation has an order id of its own and does not say which order it takes back: so it is any of them.
        pl.when(~is_cancellation()).then("order_id").alias("order_id"),
    )


def _items(file: FileSource) -> pl.DataFrame:
    """Make the catalogue from the lines: the title that a code has most often, and what its sales tell."""
    lines = pl.concat([_typed(batch.frame, file.name) for batch in file.batches()])
    sold = ~is_stock_correction() & ~is_cancellation() & (pl.col("quantity") > 0)
    told = told_by_sales(lines.lazy().filter(sold).select("item_id", "ts", "price"))
    title = pl.col("title").str.strip_chars().replace(FILLED_IN, None)
    titles = (
        lines.filter(~is_stock_correction())
        .group_by("item_id", title)
        .len()
        .filter(pl.col("title").is_not_null())
        .sort(pl.col("len"), "title", descending=[True, False])
        .group_by("item_id", maintain_order=True)
        .agg(pl.col("title").first())
    )
    named = lines.select(pl.col("item_id").unique()).join(titles, on="item_id", how="left")
    return (
        named.join(told, on="item_id", how="left")
        .with_columns(recommendable=~is_charge() & pl.col("title").is_not_null(), currency=pl.lit(CURRENCY))
        .sort("item_id")
    )
