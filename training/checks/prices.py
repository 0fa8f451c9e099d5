"""Checks of what was paid: unknown, impossible, or in another unit than the catalogue's."""

from functools import partial

import polars as pl
from pydantic import Field

from training.checks.base import Check, share
from training.checks.evidence import Evidence
from training.checks.finding import Finding

TIMES_OFF = 50.0
"""A price this many times above or below the item's usual one is no discount, but cents beside euros (100 times)."""

_purchases = partial(pl.col("event_type").eq, "purchase")


def _known() -> pl.Expr:
    return pl.col("price").is_not_null() & pl.col("price").is_not_nan()


def _off(price: str, usual: str) -> pl.Expr:
    """Whether two prices above 0 are more than TIMES_OFF apart."""
    ratio = pl.col(price) / pl.col(usual)
    return ~ratio.is_between(1 / TIMES_OFF, TIMES_OFF)


class MissingPrices(Check):
    """Purchases whose price is not known: revenue cannot be measured, nor a usual price."""

    warn_share: float = Field(default=0.5, ge=0, le=1)
    """Share of purchases. Learning needs no prices; below half of them the figures in money would mislead."""

    def look(self, evidence: Evidence) -> Finding:
        bought = evidence.events.filter(_purchases())
        n_missing = bought.height - bought.filter(_known()).height
        missing = share(n_missing, bought.height)
        counts = {"purchases": bought.height, "without_price": n_missing, "missing_share": missing}
        what = f"{n_missing:,} of {bought.height:,} purchases ({missing:.1%}) have no price."
        if missing <= self.warn_share:
            return self.passes(counts, what)
        to_do = "Send the unit price with each purchase, or leave revenue out of account; learning needs no prices."
        return self.warns(counts, what, to_do)


class AbsurdPrices(Check):
    """Prices below zero, infinite, or far from what the same item costs in its other purchases."""

    warn_share: float = Field(default=0.001, ge=0, le=1)
    """Share of the purchases with a price. Typing errors reach 0.014 % (Online Retail, 2026-11)."""

    def look(self, evidence: Evidence) -> Finding:
        priced = evidence.events.lazy().filter(_purchases(), _known())
        usual = pl.col("price").filter(pl.col("price") > 0).median().over("item_id")
        found = (
            priced.select("price", usual=usual)
            .select(
                purchases=pl.len(),
                negative=(pl.col("price") < 0).sum(),
                infinite=pl.col("price").is_infinite().sum(),
                far_off=(_off("price", "usual") & pl.col("price").is_finite() & (pl.col("price") > 0)).sum(),
            )
            .collect()
        )
        counts: dict[str, float] = found.row(0, named=True)
        n_absurd = counts["negative"] + counts["infinite"] + counts["far_off"]
        absurd = share(n_absurd, counts["purchases"])
        counts["absurd_share"] = absurd
        what = (
            f"{n_absurd:,} of {counts['purchases']:,} prices ({absurd:.2%}) are below zero, infinite or "
            f"over {TIMES_OFF:.0f} times off the item's median."
        )
        if absurd <= self.warn_share:
            return self.passes(counts, what)
        to_do = "Check that all sources send the price of one piece, in one currency and unit, and import again."
        return self.warns(counts, what, to_do)


class PriceUnits(Check):
    """Whether the catalogue asks about what shoppers paid: cents in one and euros in the other would not."""

    warn_share: float = Field(default=0.02, ge=0, le=1)
    """Share of the items that have both prices. A catalogue in another unit is wrong for nearly all of them."""

    def look(self, evidence: Evidence) -> Finding:
        paid = (
            evidence.events.lazy()
            .filter(_purchases(), _known(), pl.col("price") > 0)
            .group_by("item_id")
            .agg(paid=pl.col("price").median())
        )
        asked = evidence.items.lazy().filter(_known(), pl.col("price") > 0).select("item_id", "price")
        both = asked.join(paid, on="item_id").select(items=pl.len(), far_off=_off("price", "paid").sum()).collect()
        counts: dict[str, float] = both.row(0, named=True)
        off = counts["far_off_share"] = share(counts["far_off"], counts["items"])
        what = (
            f"{counts['far_off']:,} of {counts['items']:,} items ({off:.1%}) cost over {TIMES_OFF:.0f} times more or "
            "less in the catalogue than was paid."
        )
        if off <= self.warn_share:
            return self.passes(counts, what)
        to_do = (
            "Bring the catalogue and the events to one currency and unit (the price of one piece), and import again."
        )
        return self.warns(counts, what, to_do)
