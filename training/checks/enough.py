"""Whether there is enough to learn from, and what is missing if not."""

import polars as pl
from pydantic import Field

from training.checks.base import Check
from training.checks.evidence import Evidence
from training.checks.finding import Finding

HORIZONS = 2
"""A training holds back one horizon to fit the blend and one to evaluate it."""


class TooLittleToLearnFrom(Check):
    """Shoppers who liked several items, items liked by several shoppers, and time enough to hold some of it back."""

    shoppers_needed: int = Field(default=20, gt=0)
    """Shoppers with two liked items or more. What goes together is learned from these alone; with fewer than twenty the
    interval around any figure is wider than every difference between models."""

    def look(self, evidence: Evidence) -> Finding:
        pairs = evidence.learnable.select("shopper", "item_id").unique()
        shoppers = pairs.group_by("shopper").agg(pl.len()).select((pl.col("len") >= 2).sum())  # noqa: PLR2004 - a pair
        items = pairs.group_by("item_id").agg(pl.len()).select((pl.col("len") >= evidence.min_shoppers).sum())
        n_shoppers, n_items = (found.item() for found in pl.collect_all([shoppers, items]))
        window_days = evidence.window_days
        needed_days = HORIZONS * evidence.horizon_days
        counts = {
            "shoppers_with_two_items": n_shoppers,
            "items_with_enough_shoppers": n_items,
            "window_days": window_days,
            "window_days_needed": needed_days,
        }
        what = (
            f"{n_shoppers:,} shoppers liked two items or more, {n_items:,} items were liked by {evidence.min_shoppers} "
            f"shoppers or more, in {window_days:,.1f} days."
        )
        wants = {
            f"{self.shoppers_needed} shoppers with two liked items or more": n_shoppers >= self.shoppers_needed,
            f"an item liked by {evidence.min_shoppers} shoppers": n_items > 0,
            f"{needed_days:g} days of events, or a horizon of at most {window_days / HORIZONS:.1f} days": (
                window_days >= needed_days
            ),
        }
        lacking = [want for want, is_met in wants.items() if not is_met]
        if not lacking:
            return self.passes(counts, what)
        return self.fails(counts, what, f"Needed: {'; '.join(lacking)}. Import more events of items in the catalogue.")
