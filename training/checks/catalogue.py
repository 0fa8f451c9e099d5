"""Checks of the catalogue: fields that nobody filled, and whether anything may be shown at all."""

import polars as pl
from pydantic import Field

from training.checks.base import Check, share
from training.checks.evidence import Evidence
from training.checks.finding import Finding

MAY_BE_SHOWN = pl.col("recommendable").fill_null(value=True)


class EmptyFields(Check):
    """Recommendable items without a title, a category or a price."""

    warn_title_share: float = Field(default=0.01, ge=0, le=1)
    """Share without a title: an answer without one cannot be shown, and `content` has nothing to read."""
    warn_category_share: float = Field(default=0.1, ge=0, le=1)
    """Share without a category: filters, caps and shelves miss these items."""
    warn_price_share: float = Field(default=0.5, ge=0, le=1)
    """Share without a price. A grocer's items that were never sold have none: 26 % of the catalogue (2026-11)."""

    def look(self, evidence: Evidence) -> Finding:
        empty = {
            "title": pl.col("title").fill_null("").str.strip_chars() == "",
            "category": pl.col("category").list.len().fill_null(0) == 0,
            "price": pl.col("price").is_null() | pl.col("price").is_nan(),
        }
        bounds = {"title": self.warn_title_share, "category": self.warn_category_share, "price": self.warn_price_share}
        offered = evidence.items.filter(MAY_BE_SHOWN)
        n_empty = offered.select(expression.sum().alias(name) for name, expression in empty.items()).row(0, named=True)
        shares = {name: share(count, offered.height) for name, count in n_empty.items()}
        counts = {"items": offered.height, **{f"without_{name}": count for name, count in n_empty.items()}}
        missing = ", ".join(f"{value:.1%} no {name}" for name, value in shares.items())
        what = f"Of {offered.height:,} recommendable items {missing}."
        wanted = [name for name, value in shares.items() if value > bounds[name]]
        if not wanted:
            return self.passes(counts, what)
        to_do = f"Fill {' and '.join(wanted)} in the catalogue and run `endcap import items` again."
        return self.warns(counts, what, to_do)


class NothingToRecommend(Check):
    """Whether the catalogue has an item that may be shown now."""

    def look(self, evidence: Evidence) -> Finding:
        in_stock = pl.col("in_stock").fill_null(value=True)
        on_sale = (pl.col("available_from") <= evidence.now).fill_null(value=True) & (
            pl.col("available_until") > evidence.now
        ).fill_null(value=True)
        found = evidence.items.select(
            items=pl.len(),
            recommendable=MAY_BE_SHOWN.sum(),
            in_stock=(MAY_BE_SHOWN & in_stock).sum(),
            available=(MAY_BE_SHOWN & in_stock & on_sale).sum(),
        )
        counts: dict[str, float] = found.row(0, named=True)
        what = f"Of {counts['items']:,} items {counts['available']:,} are recommendable, in stock and on sale now."
        if counts["available"]:
            return self.passes(counts, what)
        lack = next(name for name, count in counts.items() if not count)
        return self.fails(counts, what, _CURES[lack])


_CURES = {
    "items": "The catalogue is empty: bring it in with `endcap import items`.",
    "recommendable": "Every item has `recommendable` false: that is for fees and till lines. Correct it, import again.",
    "in_stock": "No item has `in_stock` true: check what the stock column means, correct it and import again.",
    "available": "Every item's `available_from` lies ahead or its `available_until` behind: check their zone and year.",
}
"""By what the catalogue has none of, in the order in which items drop out."""
