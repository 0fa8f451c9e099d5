"""Lines that are no products: postage, bank charges, fuel, gift cards, manual adjustments."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from training.checks.base import shown
from training.cleaning.base import Removed, Step


class NoProducts(Step):
    """Removes the events about items that are never recommended, and about items that have no price of their own.

    The first are what the catalogue says (`recommendable` is false): they would stand in every basket between products
    that have nothing to do with each other. The second are codes under which a till books any amount, and which the
    catalogue does not know for what they are.
    """

    name: ClassVar[str] = "no_products"

    price_spread: float = Field(default=100.0, gt=1)
    """How many times more than the price that nine in ten purchases exceed must be paid in one of ten. Adjustments by
    hand of Online Retail: 2,231; the widest of products, cold sandwiches at a grocer's: 50 (2026-11)."""
    at_least: int = Field(default=20, gt=0)
    """Purchases at a price that an item needs before the spread is looked at."""

    def apply(self, events: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, Removed]:
        named = items.filter(~pl.col("recommendable").fill_null(value=True)).select("item_id")
        guessed = self._without_price(events).join(named, on="item_id", how="anti").sort("item_id")
        gone = pl.concat([named, guessed])
        removed = events.join(gone, on="item_id", how="semi")
        left = events.join(gone, on="item_id", how="anti", maintain_order="left")
        counts = {"events": len(removed), "items": removed["item_id"].n_unique(), "not_in_catalogue": len(guessed)}
        what = f"{len(removed):,} events are about {counts['items']:,} items that are no products."
        if len(guessed):
            examples = ", ".join(shown(item_id) for item_id in guessed["item_id"][:3])
            what += (
                f" {len(guessed):,} of them ({examples}) are known by their prices alone: set their `recommendable` to "
                "false in the catalogue, or raise `price_spread`."
            )
        return left, self.removed(counts, what)

    def _without_price(self, events: pl.DataFrame) -> pl.DataFrame:
        price = pl.col("price")
        paid = events.lazy().filter(pl.col("event_type") == "purchase", price.is_finite(), price > 0)
        tenths = paid.group_by("item_id").agg(n=pl.len(), low=price.quantile(0.1), high=price.quantile(0.9))
        wide = (pl.col("n") >= self.at_least) & (pl.col("high") > self.price_spread * pl.col("low"))
        return tenths.filter(wide).select("item_id").collect()
