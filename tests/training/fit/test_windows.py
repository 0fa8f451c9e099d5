"""What is popular and what is trending over windows that a storefront asks for."""

from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.context import Context
from models.errors import InputError
from models.sources.base import Learned
from models.sources.popular import Popular
from models.sources.trending import Trending
from tests.worlds import NOW, World, event, event_frame, every_world, item, item_frame
from training.fit import popular, trending
from training.fit.windows import WINDOWS_DAYS

IDS = ("a", "b", "c", "d")
KINDS = ("purchase", "view", "search", "refund")
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(IDS), st.integers(0, 40 * 24 - 1), st.sampled_from(KINDS)),
    min_size=1,
    max_size=60,
)


def shop(rows: list[tuple[int, str, int, str]]) -> World:
    """Shoppers, items, hours before now and types; on day 40 somebody bought everything."""
    first = [event("u:first", it, NOW - timedelta(days=40)) for it in IDS]
    told = [event(f"u:{user}", it, NOW - timedelta(hours=hours, seconds=1), kind) for user, it, hours, kind in rows]
    return World("drawn", event_frame(first + told), item_frame(item(it) for it in IDS), ())


def asking(world: World, days: int | None) -> Context:
    return Context(world.now_us, window_days=days)


def answered(world: World, source: Popular | Trending, days: int | None) -> dict[str, float]:
    """The whole list, best first."""
    ids = world.data().vocabulary.ids
    rows, scores = source.ask(asking(world, days)).propose(np.ones(len(ids), np.bool_), 99)
    return {ids[row]: score for row, score in zip(rows.tolist(), scores.tolist(), strict=True)}


@given(EVENTS)
def test_popular_in_a_window_is_how_many_shoppers_liked_it_then(rows: list[tuple[int, str, int, str]]) -> None:
    world = shop([row for row in rows if row[3] != "refund"])
    source = Popular.load(popular.fit(world.data(), popular.Settings()))
    assert tuple(source.windows) == WINDOWS_DAYS
    for days in WINDOWS_DAYS:
        likers = defaultdict(set)
        for user, it, hours, kind in rows:
            if hours < 24 * days and kind in {"purchase", "view"}:
                likers[it].add(user)
        found = answered(world, source, days)
        assert found == {it: len(users) for it, users in likers.items()}
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_what_was_given_back_is_not_popular() -> None:
    world = shop([(1, "a", 5, "purchase"), (1, "a", 3, "refund"), (2, "b", 5, "purchase")])
    source = Popular.load(popular.fit(world.data(), popular.Settings()))
    assert answered(world, source, 7) == {"b": 1}


def rising() -> World:
    return next(world for world in every_world() if world.name == "rising")


def test_trending_over_the_days_that_it_counts_by_itself_is_what_it_says_by_itself() -> None:
    world = rising()
    source = Trending.load(trending.fit(world.data(), trending.Settings(window_days=7)))
    assert answered(world, source, 7) == answered(world, source, None)
    assert next(iter(answered(world, source, 7))) == "comet"


def test_what_took_off_today_is_trending_today_and_not_this_month() -> None:
    """An item sells once a week and thirty times today; another came two weeks ago and sells ten times a day since."""
    rows = [event(f"u:s{week}", "spark", NOW - timedelta(days=7 * week + 3)) for week in range(1, 12)]
    rows += [event(f"u:t{k}", "spark", NOW - timedelta(hours=6, minutes=k)) for k in range(30)]
    for day in range(80):
        ts = NOW - timedelta(days=day, hours=5)
        rows += [event(f"u:{day}-{k}", "steady", ts) for k in range(20)]
        rows += [event(f"u:{day}-{k}", "wave", ts) for k in range(10 if day < 14 else day % 7 == 0)]
    world = World("sparks", event_frame(rows), item_frame(item(it) for it in ("spark", "steady", "wave")), ())
    source = Trending.load(trending.fit(world.data(), trending.Settings()))
    assert next(iter(answered(world, source, 1))) == "spark"
    assert next(iter(answered(world, source, 28))) == "wave"


@pytest.mark.parametrize(
    ("days", "popular_has", "trending_has"), [(6, (1,), ()), (15, (1, 7), (1, 7)), (60, WINDOWS_DAYS, WINDOWS_DAYS)]
)
def test_only_windows_that_the_data_covers_are_learned(
    days: int, popular_has: tuple[int, ...], trending_has: tuple[int, ...]
) -> None:
    rows = [
        event(f"u:{day}-{k}", it, NOW - timedelta(days=day, hours=1))
        for day in range(days)
        for k in range(6)
        for it in IDS
    ]
    rows += [event(f"u:more-{k}", "a", NOW - timedelta(hours=2)) for k in range(30)]
    world = World("young", event_frame(rows), item_frame(item(it) for it in IDS), ())
    assert tuple(Popular.load(popular.fit(world.data(), popular.Settings())).windows) == popular_has
    if trending_has:
        assert tuple(Trending.load(trending.fit(world.data(), trending.Settings())).windows) == trending_has


def test_windows_change_nothing_of_the_list_without_one() -> None:
    world = rising()
    for fit, source in ((popular, Popular), (trending, Trending)):
        learned = fit.fit(world.data(), fit.Settings())
        bare = Learned({name: learned.arrays[name] for name in ("rows", "scores")}, learned.settings)
        assert answered(world, source.load(bare), None) == answered(world, source.load(learned), None)


def test_a_window_that_was_not_counted_is_refused_with_those_that_were() -> None:
    world = rising()
    learned = popular.fit(world.data(), popular.Settings())
    with pytest.raises(
        InputError, match=r"popular was not counted over a window of 5 days; ask for one of 1d, 7d, 28d"
    ):
        Popular.load(learned).ask(asking(world, 5))
    old = Learned({name: learned.arrays[name] for name in ("rows", "scores")})
    with pytest.raises(
        InputError, match="popular was not counted over a window of 7 days; train again, or ask without"
    ):
        Popular.load(old).ask(asking(world, 7))
