"""Checks of who does what how often: robots, till lines, visitors who never come back."""

import polars as pl
from pydantic import Field

from training.checks.base import Check, share, shown
from training.checks.evidence import Evidence
from training.checks.finding import Finding

TIMES_A_FAIR_SHARE = 20
"""In a small shop the busiest is always a large part of all: nothing is too much below so many fair shares."""

EVEN_IN_THE_SMALLEST = 0.5
"""And yet no one makes half of the events of a shop."""


def too_much(least: float, n_members: int) -> float:
    """Return the share of events above which one of n_members stands out: `least`, or more where there are few."""
    return min(EVEN_IN_THE_SMALLEST, max(least, share(TIMES_A_FAIR_SHARE, n_members)))


class Robots(Check):
    """Shoppers who do more than a person can: robots, price comparers, or all guests under one id."""

    warn_share: float = Field(default=0.05, gt=0, le=1)
    """One shopper's share of all events. The busiest household of a grocer has 0.3 %, the busiest wholesaler of a gift
    shop 2.0 % (2026-11)."""
    items_a_day: int = Field(default=1000, gt=0)
    """Different items in one day, UTC. The fullest trolley holds 167, a wholesaler's longest order 541 (2026-11)."""
    fail_share: float = Field(default=0.5, ge=0, le=1)
    """Share of all events that such shoppers make together. Above it the bundle would learn from them alone."""

    def look(self, evidence: Evidence) -> Finding:
        n_events = evidence.events.height
        bound = too_much(self.warn_share, evidence.by_shopper.height)
        hasty = self._hasty(evidence)
        robots = evidence.by_shopper.filter(
            (pl.col("n_events") > bound * n_events) | pl.col("shopper").is_in(hasty.implode())
        )
        made = share(int(robots["n_events"].sum()), n_events)
        counts = {"shoppers": evidence.by_shopper.height, "robots": robots.height, "robot_share": made}
        if robots.is_empty():
            return self.passes(counts, "No shopper does more than a person can.")
        examples = ", ".join(
            f"{shown(name)} ({n:,})" for name, n in robots.select("shopper", "n_events").head(3).rows()
        )
        what = (
            f"{made:.1%} of the events are by {robots.height:,} of {evidence.by_shopper.height:,} shoppers, who made "
            f"over {bound:.1%} of all or met over {self.items_a_day:,} items in a day. The busiest: {examples}."
        )
        to_do = (
            "If guests share one id, give each an anonymous_id of its own; if these are robots, filter them where "
            "events are collected and leave their lines out of the import."
        )
        return self.fails(counts, what, to_do) if made > self.fail_share else self.warns(counts, what, to_do)

    def _hasty(self, evidence: Evidence) -> pl.Series:
        """Return the shoppers with too many different items in a day; only who has so many at all is counted by day."""
        many = evidence.by_shopper.filter(pl.col("n_items") > self.items_a_day).select("shopper")
        days = (
            evidence.events.lazy()
            .join(many.lazy(), on="shopper", how="semi")
            .group_by("shopper", pl.col("ts").dt.date())
        )
        busy = days.agg(pl.col("item_id").n_unique()).filter(pl.col("item_id") > self.items_a_day)
        return busy.select(pl.col("shopper").unique()).collect()["shopper"]


class OneItemsShare(Check):
    """One item in so many events that it is hardly a product: a carrier bag, a delivery fee, a till line."""

    warn_share: float = Field(default=0.05, gt=0, le=1)
    """One recommendable item's share of all events. A grocer's bananas have 1.2 %, a gift shop's best seller 0.5 %
    (2026-11); a fee on every order of ten lines has 10 %."""

    def look(self, evidence: Evidence) -> Finding:
        sold = evidence.by_item.join(
            evidence.items.filter(pl.col("recommendable").fill_null(value=True)).select("item_id", "title"),
            on="item_id",
            maintain_order="left",
        )
        n_events, bound = evidence.events.height, too_much(self.warn_share, sold.height)
        counts: dict[str, float] = {"events": n_events, "items": sold.height}
        if sold.is_empty():
            return self.passes(counts, "No recommendable item has an event.")
        item_id, n_item, title = sold.row(0)
        counts |= {"top_item_events": n_item, "top_item_share": share(n_item, n_events)}
        named = f"{shown(item_id)} ({shown(title or 'no title')})"
        what = f"The busiest item, {named}, has {share(n_item, n_events):.1%} of the events."
        if n_item <= bound * n_events:
            return self.passes(counts, what)
        to_do = (
            "If it is a fee, a bag, a coupon or another till line, set its `recommendable` to false in the catalogue "
            "and import it again; a product may stay."
        )
        return self.warns(counts, what, to_do)


class OneEventVisitors(Check):
    """Anonymous shoppers with a single event: when nearly all are such, the shop forgets its visitors on every page."""

    warn_share: float = Field(default=0.9, gt=0, le=1)
    """Share of the anonymous shoppers. Many visitors look at one page and leave; with a new id on each page all do."""
    at_least: int = Field(default=100, gt=0)
    """Fewer anonymous shoppers than this say nothing."""

    def look(self, evidence: Evidence) -> Finding:
        visitors = evidence.by_shopper.filter(pl.col("shopper").str.starts_with("a:"))
        n_once = int((visitors["n_events"] == 1).sum())
        once = share(n_once, visitors.height)
        counts = {"anonymous_shoppers": visitors.height, "with_one_event": n_once, "one_event_share": once}
        what = f"{n_once:,} of {visitors.height:,} anonymous shoppers ({once:.1%}) have a single event."
        if visitors.height < self.at_least or once <= self.warn_share:
            return self.passes(counts, what)
        to_do = "Keep the visitor's anonymous_id in a cookie that outlives the page; a single event connects nothing."
        return self.warns(counts, what, to_do)
