"""Checks of the clocks behind the events: ahead, stopped, without hours, or from another age."""

from datetime import UTC, datetime

import polars as pl
from pydantic import Field

from models.arrays import DAY_US
from training.checks.base import Check, share
from training.checks.evidence import Evidence
from training.checks.finding import Finding

HOUR_US = DAY_US // 24
ZONES_HOURS = 15
"""No time zone is further from UTC than 14 hours: what is ahead by less may be a local time taken for UTC."""


class FutureEvents(Check):
    """Events later than now: a clock that is ahead, or local times taken for UTC."""

    tolerance_seconds: float = Field(default=600.0, ge=0)
    """How far a clock may be ahead; the same ten minutes that events sent by HTTP are given."""
    fail_share: float = Field(default=0.5, ge=0, le=1)
    """Share of events. When most lie ahead there is nothing before now to learn from."""

    def look(self, evidence: Evidence) -> Finding:
        ahead_us = (pl.col("ts").dt.timestamp("us") - evidence.now_us).alias("ahead_us")
        late = evidence.events.select(ahead_us).filter(pl.col("ahead_us") > self.tolerance_seconds * 1e6)["ahead_us"]
        n_events, n_ahead = evidence.events.height, len(late)
        most_hours = int(late.max() or 0) / HOUR_US  # type: ignore[arg-type]  # polars cannot know that it is a number
        ahead = share(n_ahead, n_events)
        counts = {"events": n_events, "future_events": n_ahead, "future_share": ahead, "most_hours_ahead": most_hours}
        if not n_ahead:
            return self.passes(counts, "No event is later than now.")
        what = (
            f"{n_ahead:,} of {n_events:,} events ({ahead:.1%}) are later than now, the last by {most_hours:,.1f} hours."
        )
        cause = (
            "name their zone with `--timezone` at import"
            if most_hours < ZONES_HOURS
            else "correct them at their source"
        )
        to_do = f"Check the clock of this machine; if it is right, the events' times are wrong: {cause}."
        return self.fails(counts, what, to_do) if ahead > self.fail_share else self.warns(counts, what, to_do)


class StaleEvents(Check):
    """The newest event lies so far back that nobody's recent interests are known."""

    warn_days: float = Field(default=28.0, gt=0)
    """Days between the newest event and now. After four weeks what is trending has passed and few carts are open."""

    def look(self, evidence: Evidence) -> Finding:
        newest = evidence.events.filter(pl.col("ts") <= evidence.now)["ts"].dt.timestamp("us").max()
        if newest is None:
            return self.passes({}, "No event lies before now.")
        age_days = (evidence.now_us - int(newest)) / DAY_US  # type: ignore[arg-type]  # the same
        counts = {"newest_age_days": age_days}
        what = f"The newest event is {age_days:,.1f} days old."
        if age_days <= self.warn_days:
            return self.passes(counts, what)
        to_do = (
            "Import the events since then. If this is a demo or an archive, import it with its times moved to the "
            "present (as `endcap import complete-journey` does): trends and recency are empty otherwise."
        )
        return self.warns(counts, what, to_do)


class CoarseTimes(Check):
    """Times without hours, or one time for all: the order of what happened within a day is lost."""

    same_share: float = Field(default=0.2, gt=0, le=1)
    """Share of all events at one microsecond. The largest baskets hold 0.1 % (Online Retail, 2026-11)."""
    times_of_day_share: float = Field(default=0.5, gt=0, le=1)
    """Share of all events at the two commonest times of day, two because midnight moves with summer time. Clocks that
    show minutes reach 1 %, those that show hours about 25 %, dates 100 % (2026-11)."""

    def look(self, evidence: Evidence) -> Finding:
        n_events = evidence.events.height
        moments = evidence.events["ts"].value_counts()
        by_time_of_day = moments.group_by(pl.col("ts").dt.time()).agg(pl.col("count").sum())["count"]
        same = share(int(moments["count"].max() or 0), n_events)  # type: ignore[arg-type]  # a count is a number
        dated = share(int(by_time_of_day.top_k(2).sum()), n_events)
        counts = {
            "events": n_events,
            "moments": moments.height,
            "same_moment_share": same,
            "two_times_of_day_share": dated,
        }
        to_do = (
            "Import the times at which things happened, with hours and minutes. Until then what depends on the order "
            "within a day (covisitation, sessions) is chance; days and weeks still count."
        )
        if same > self.same_share:
            what = f"{same:.1%} of the events have one and the same time: most likely that of an export or a default."
            return self.warns(counts, what, to_do)
        if dated > self.times_of_day_share:
            return self.warns(counts, f"{dated:.1%} of the events share two times of day: these are dates.", to_do)
        return self.passes(counts, f"The events lie at {moments.height:,} different times.")


class StrayTimes(Check):
    """Events from an age before all others: a default such as 1970, or a clock that was never set."""

    def look(self, evidence: Evidence) -> Finding:
        n_events, fence_us = evidence.events.height, evidence.usual_from_us
        stray = evidence.events.select(pl.col("ts").dt.timestamp("us")).filter(pl.col("ts") < fence_us)["ts"]
        strays = share(len(stray), n_events)
        counts = {"events": n_events, "stray_events": len(stray), "stray_share": strays}
        if stray.is_empty():
            return self.passes(counts, "No event is far before the rest.")
        first, usual = (datetime.fromtimestamp(us / 1e6, UTC).date() for us in (int(stray.min()), fence_us))  # type: ignore[arg-type]
        what = f"{len(stray):,} of {n_events:,} events ({strays:.1%}) are from before {usual}, the first from {first}."
        to_do = "Correct these times at their source or leave the lines out; as they are they teach nothing."
        return self.warns(counts, what, to_do)
