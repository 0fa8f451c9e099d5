"""Checks of the events one by one: said twice, about nothing known, all of one kind."""

import polars as pl
from pydantic import Field

from training.checks.base import Check, share, shown
from training.checks.evidence import Evidence
from training.checks.finding import Finding

SAME = ("event_type", "shopper", "item_id", "ts", "order_id")
"""Two events that agree in all of these are one event under two ids."""


class DuplicateEvents(Check):
    """The same shopper did the same thing with the same item at the same microsecond, under another event id."""

    warn_share: float = Field(default=0.05, ge=0, le=1)
    """Share of events that repeat another. A till that prints one line a piece repeats 2.5 % (Online Retail, 2026-11);
    a feed that is sent twice under new ids repeats 50 %."""

    def look(self, evidence: Evidence) -> Finding:
        n_events = evidence.events.height
        n_duplicates = n_events - evidence.events.select(pl.struct(SAME).n_unique()).item() if n_events else 0
        repeated = share(n_duplicates, n_events)
        counts = {"events": n_events, "duplicates": n_duplicates, "duplicate_share": repeated}
        what = f"{n_duplicates:,} of {n_events:,} events ({repeated:.1%}) repeat another one in all but their id."
        if repeated <= self.warn_share:
            return self.passes(counts, what)
        to_do = (
            "Give each event one event_id where it is made, so that a retry is dropped; in files without ids, import "
            "each event from one file only. Repeats count twice in learning."
        )
        return self.warns(counts, what, to_do)


class UnknownItems(Check):
    """Events about items that the catalogue lacks: they teach nothing, and the items cannot be shown."""

    warn_share: float = Field(default=0.1, ge=0, le=1)
    """Share of events. Items leave a catalogue while their events stay: a few percent in a year is a living shop."""
    fail_share: float = Field(default=0.5, ge=0, le=1)
    """Share of events. When most items are unknown, ids are spelt differently in the two files, or half is missing."""

    def look(self, evidence: Evidence) -> Finding:
        unknown = evidence.by_item.join(
            evidence.items.select("item_id"), on="item_id", how="anti", maintain_order="left"
        )
        n_events, n_unknown = evidence.events.height, int(unknown["n_events"].sum())
        lost = share(n_unknown, n_events)
        counts = {
            "events": n_events,
            "unknown_events": n_unknown,
            "unknown_items": unknown.height,
            "unknown_share": lost,
        }
        what = f"{n_unknown:,} of {n_events:,} events ({lost:.1%}) are about {unknown.height:,} items without an entry."
        if lost <= self.warn_share:
            return self.passes(counts, what)
        examples = ", ".join(shown(item_id) for item_id in unknown["item_id"][:3])
        to_do = (
            f"Import the catalogue with `endcap import items`, and compare how ids are written in both files "
            f"(leading zeros, upper case, variants); the busiest without an entry: {examples}."
        )
        return self.fails(counts, what, to_do) if lost > self.fail_share else self.warns(counts, what, to_do)


class OneEventType(Check):
    """Whether shoppers are seen doing more than one kind of thing."""

    def look(self, evidence: Evidence) -> Finding:
        types = evidence.events.group_by("event_type").agg(pl.len()).sort("len", "event_type", descending=[True, False])
        counts: dict[str, float] = dict(types.iter_rows())
        what = f"The events are of {len(counts)} types: {', '.join(counts)}."
        if len(counts) != 1:
            return self.passes(counts, what)
        to_do = (
            "Nothing, if this is all that the shop records. Views, carts and purchases together say sooner what "
            "somebody looks for: send those too where they exist."
        )
        return self.warns(counts, f"Every event is a {next(iter(counts))}.", to_do)
