"""Each check fires in the shop that is sick of it, says how gravely, and leaves the normal shop in peace."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce

import polars as pl
import pytest

from tests.training.checks.shops import (
    N_ITEMS,
    Change,
    events_with,
    every,
    items_with,
    later,
    more_events,
    more_items,
    normal_shop,
)
from tests.worlds import NOW, event, item
from training.checks.evidence import Evidence
from training.checks.finding import Level, refusal, worst
from training.checks.run import Checks, run_checks

ago = timedelta
NAMES = tuple(Checks.model_fields)
price, ts = pl.col("price"), pl.col("ts")


def prices(factor: float, of_every: int) -> Change:
    return events_with(price=pl.when(every(of_every)).then(price * factor).otherwise(price))


def visits(shopper: str, n: int, items: Sequence[str] = ("i1",), seconds_apart: float = 20) -> Change:
    """n views of one shopper, before NOW, of the items in turn."""
    return more_events(
        event(shopper, items[k % len(items)], NOW - ago(seconds=seconds_apart * (k + 1)), "view") for k in range(n)
    )


FEE = tuple(event(f"u:{n % 200}", "fee", NOW - ago(hours=n + 0.3)) for n in range(1500))
CRAWLED = [f"crawled {n}" for n in range(1100)]

SICK: dict[str, list[tuple[Level, list[Change]]]] = {
    "too_little_to_learn_from": [
        ("FAIL", [lambda shop: replace(shop, events=shop.events.clear())]),
        ("FAIL", [lambda shop: replace(shop, events=shop.events.head(1))]),
        ("FAIL", [lambda shop: replace(shop, events=shop.events.filter(ts > NOW - ago(days=50)))]),
        ("FAIL", [lambda shop: replace(shop, events=shop.events.unique("shopper"))]),
        ("FAIL", [events_with(event_type=pl.lit("impression"))]),
        ("FAIL", [events_with(shopper=pl.col("shopper").str.tail(1))]),
        ("FAIL", [lambda shop: replace(shop, min_shoppers=201)]),
    ],
    "nothing_to_recommend": [
        ("FAIL", [lambda shop: replace(shop, items=shop.items.clear())]),
        ("FAIL", [items_with(recommendable=pl.lit(value=False))]),
        ("FAIL", [items_with(in_stock=pl.lit(value=False))]),
        ("FAIL", [items_with(available_from=pl.lit(NOW + ago(days=1)))]),
        ("FAIL", [items_with(available_until=pl.lit(NOW - ago(days=1)))]),
    ],
    "unknown_items": [
        ("WARN", [events_with(item_id=pl.when(every(5)).then(pl.lit("gone")).otherwise("item_id"))]),
        ("FAIL", [items_with(item_id="0" + pl.col("item_id"))]),
    ],
    "duplicate_events": [("WARN", [lambda shop: replace(shop, events=pl.concat([shop.events, shop.events]))])],
    "one_event_type": [("WARN", [events_with(event_type=pl.lit("purchase"))])],
    "future_events": [
        ("WARN", [more_events([event("u:1", "i1", NOW + ago(minutes=11))])]),
        ("FAIL", [later(days=-100)]),
    ],
    "stale_events": [("WARN", [later(days=40)])],
    "coarse_times": [
        ("WARN", [events_with(ts=ts.dt.truncate("1d"))]),
        ("WARN", [events_with(ts=ts.dt.truncate("1d") - ago(hours=1))]),
        ("WARN", [events_with(ts=pl.when(every(3)).then(pl.lit(NOW - ago(days=3))).otherwise(ts))]),
    ],
    "stray_times": [("WARN", [more_events([event("u:1", "i1", NOW - ago(days=56 * 365))])])],
    "robots": [
        ("WARN", [visits("a:crawler", 500)]),
        ("WARN", [visits("a:crawler", 1100, CRAWLED, 1)]),
        ("FAIL", [visits("u:guest", 5000)]),
    ],
    "one_items_share": [("WARN", [more_events(FEE), more_items([item("fee")])])],
    "one_event_visitors": [
        ("WARN", [events_with(shopper=pl.format("a:{}", pl.int_range(pl.len())))]),
    ],
    "empty_fields": [
        ("WARN", [items_with(title=pl.when(every(10)).then(pl.lit(" ")).otherwise("title"))]),
        ("WARN", [items_with(category=pl.lit([], dtype=pl.List(pl.String)))]),
        ("WARN", [items_with(category=pl.lit(None, dtype=pl.List(pl.String)))]),
        ("WARN", [items_with(price=pl.lit(None, dtype=pl.Float64))]),
        ("WARN", [items_with(price=pl.lit(float("nan")))]),
    ],
    "missing_prices": [
        ("WARN", [events_with(price=pl.lit(None, dtype=pl.Float64))]),
        ("WARN", [events_with(price=pl.lit(float("nan")))]),
    ],
    "absurd_prices": [
        ("WARN", [prices(100, 20)]),
        ("WARN", [prices(-1, 20)]),
        ("WARN", [prices(float("inf"), 20)]),
    ],
    "price_units": [("WARN", [items_with(price=price * 100)])],
}
"""Check -> the shops in which it fires: how gravely, and what became of the normal shop."""

HEALTHY: dict[str, list[Change]] = {
    "a last item in stock": [items_with(in_stock=pl.col("item_id") == "i7")],
    "a few items that left the catalogue": [visits("u:1", 100, ["gone"])],
    "a few repeated lines": [lambda shop: replace(shop, events=pl.concat([shop.events, shop.events.head(50)]))],
    "a clock that is minutes ahead": [more_events([event("u:1", "i1", NOW + ago(minutes=9))])],
    "a holiday": [later(days=14)],
    "times without seconds": [events_with(ts=ts.dt.truncate("1m"))],
    "times without minutes": [events_with(ts=ts.dt.truncate("1h"))],
    "a soft opening long before": [more_events([event("u:1", "i1", NOW - ago(days=300))])],
    "a very good customer": [visits("u:1", 150)],
    "a best seller": [more_events(FEE[:400]), more_items([item("fee")])],
    "a fee that is marked as one": [more_events(FEE), more_items([item("fee", recommendable=False)])],
    "clearance prices, gifts and some unknown prices": [prices(0.1, 20), prices(0, 7), prices(float("nan"), 3)],
    "many visitors who came once": [
        more_events(event(f"a:once {n}", f"i{n % N_ITEMS}", NOW - ago(minutes=37 * n), "view") for n in range(300))
    ],
    "some items without a price or a category": [
        items_with(
            price=pl.when(every(3)).then(None).otherwise(price),
            category=pl.when(every(15)).then(None).otherwise("category"),
        )
    ],
}


def shop_after(changes: list[Change]) -> Evidence:
    return reduce(lambda shop, change: change(shop), changes, normal_shop())


def levels(shop: Evidence, checks: Checks | None = None) -> dict[str, Level]:
    return {finding.check: finding.level for finding in run_checks(shop, checks)}


def test_a_normal_shop_passes_every_check() -> None:
    findings = run_checks(normal_shop())
    assert {finding.check: finding.what for finding in findings if finding.level != "PASS"} == {}
    assert tuple(finding.check for finding in findings) == NAMES
    assert worst(findings) == "PASS"
    assert refusal(findings) == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_check_fires_in_the_shop_that_is_sick_of_it(name: str) -> None:
    for level, changes in SICK[name]:
        finding = next(found for found in run_checks(shop_after(changes)) if found.check == name)
        assert finding.level == level, finding
        assert finding.what.endswith(".")
        assert finding.to_do.endswith(".")


@pytest.mark.parametrize("story", HEALTHY)
def test_what_happens_in_every_shop_fires_nothing(story: str) -> None:
    fired = {name: level for name, level in levels(shop_after(HEALTHY[story])).items() if level != "PASS"}
    assert fired == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        lambda shop: replace(shop, events=shop.events.clear(), items=shop.items.clear()),
        lambda shop: replace(shop, events=shop.events.head(1)),
        lambda shop: replace(shop, items=shop.items.clear()),
        lambda shop: replace(shop, events=shop.events.with_columns(item_id="i" * 10_000 + pl.col("item_id"))),
    ],
    ids=["nothing", "one event", "no catalogue", "endless ids"],
)
def test_a_check_answers_for_whatever_there_is(name: str, change: Change) -> None:
    shop = change(normal_shop())
    finding = getattr(Checks(), name).look(shop)
    assert len(finding.what + finding.to_do) < 1000
    assert json.loads(json.dumps(finding.as_json()))["counts"] == finding.counts


def test_a_check_is_known_by_one_name() -> None:
    assert tuple(check.name for check in Checks().each()) == NAMES
    assert set(SICK) == set(NAMES)


def test_a_threshold_is_set_under_the_name_of_its_check() -> None:
    robots = shop_after(SICK["robots"][-1][1])
    assert levels(robots)["robots"] == "FAIL"
    lenient = Checks.model_validate({"robots": {"fail_share": 1.0}})
    assert levels(robots, lenient)["robots"] == "WARN"
    with pytest.raises(ValueError, match=r"robots\.fail_shares"):
        Checks.model_validate({"robots": {"fail_shares": 1.0}})


def test_a_refusal_names_every_check_that_failed_its_counts_and_what_to_do() -> None:
    findings = run_checks(replace(normal_shop(), items=normal_shop().items.clear()))
    failed = [finding for finding in findings if finding.level == "FAIL"]
    told = refusal(findings)
    assert told.startswith(f"{len(failed)} data checks failed; nothing was trained\n")
    assert len(failed) == 3
    for finding in failed:
        assert f"{finding.check}: {finding.what} {finding.to_do}" in told


def test_too_little_says_all_that_is_missing() -> None:
    finding = run_checks(replace(normal_shop(), events=normal_shop().events.filter(ts > NOW - ago(hours=6))))[0]
    assert finding.check == "too_little_to_learn_from"
    assert "20 shoppers with two liked items or more" in finding.to_do
    assert "an item liked by 5 shoppers" in finding.to_do
    assert "56 days of events" in finding.to_do
    assert finding.counts["shoppers_with_two_items"] < 20


def test_a_stray_event_does_not_lengthen_the_data_window() -> None:
    short = replace(normal_shop(), events=normal_shop().events.filter(ts > NOW - ago(days=50)))
    stray = more_events([event("u:1", "i1", NOW - ago(days=20_000))])(short)
    assert stray.window_days == short.window_days
    assert levels(stray)["too_little_to_learn_from"] == "FAIL"


def test_an_hour_ahead_is_told_from_a_year_ahead() -> None:
    def told(**ahead: float) -> str:
        shop = more_events([event("u:1", "i1", NOW + ago(**ahead))])(normal_shop())
        return next(found.to_do for found in run_checks(shop) if found.check == "future_events")

    assert "`--timezone`" in told(hours=2)
    assert "at their source" in told(days=365)
