"""A view is of the shopper alone: how far back it looks is counted in moments, wherever the history was cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Float32
from models.context import Context, build_context
from models.events import PURCHASE
from models.history import Events, History, Past, Recent, summarise
from models.placement import source_of, view_of
from models.views import VIEWS, seen, steps_back
from models.vocabulary import Vocabulary
from tests.worlds import MEMORY, NOW, microseconds

NOW_US = microseconds(NOW)
MINUTE_US = 60_000_000
IDS = tuple(f"i{number}" for number in range(12))
VOCABULARY = Vocabulary(IDS)


def events_of(steps: list[tuple[int, int]]) -> Events:
    """Purchases as (item, minutes before NOW), in order of time."""
    ordered = sorted(steps, key=lambda step: -step[1])
    items = np.array([item for item, _ in ordered], np.int32)
    n = len(ordered)
    return Events(
        owners=np.zeros(n, np.int32),
        items=items,
        types=np.full(n, PURCHASE, np.uint8),
        ts_us=NOW_US - np.array([minutes for _, minutes in ordered], np.int64) * MINUTE_US,
        prices=np.full(n, np.nan, np.float32),
        orders=np.full(n, -1, np.int32),
    )


def context_of(events: Events, *, cut_us: int = 0, anchors: tuple[str, ...] = ()) -> Context:
    """What is known of one shopper now, from a past until the cut and the events since."""
    before, since = events.where(events.ts_us <= cut_us), events.where(events.ts_us > cut_us)
    summary = summarise(before, cut_us, MEMORY)
    history = History(
        Past(cut_us, tuple(IDS[item] for item in summary.items), summary),
        Recent(tuple(IDS[item] for item in since.items), since),
    )
    return build_context(VOCABULARY, MEMORY, now_us=NOW_US, history=history, anchor_ids=anchors)


def weights_of(context: Context) -> dict[int, float]:
    own = context.interactions
    return dict(zip(own.items.tolist(), own.decayed.tolist(), strict=True))


HISTORIES = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 40).map(lambda hours: 60 * hours)), max_size=30)


def test_recent_counts_half_for_each_moment_back_however_long_ago_it_was() -> None:
    # Item 3 and 4 of one order: one moment. A source takes the square root of a weight.
    events = events_of([(1, 5), (2, 6), (3, 10_000), (4, 10_000), (5, 90_000), (1, 95_000)])
    context = seen(context_of(events), "covisitation@recent")
    assert weights_of(context) == {1: 1.0, 2: 0.25, 3: 0.0625, 4: 0.0625, 5: 0.015625}
    rows, heard = context.liked
    assert dict(zip(rows.tolist(), np.sqrt(heard).tolist(), strict=True))[2] == 0.5


def test_recent_forgets_what_lies_eight_moments_back() -> None:
    context = context_of(events_of([(number, 10 * number + 1) for number in range(12)]))
    assert set(weights_of(seen(context, "als@recent"))) == set(range(8))


def test_last_keeps_the_newest_moment_and_all_of_it() -> None:
    context = context_of(events_of([(1, 5), (2, 5), (2, 80), (3, 80), (3, 90)]))
    assert weights_of(seen(context, "covisitation@last")) == {1: 1.0, 2: 1.0}


def test_a_view_leaves_out_what_the_page_is_about_and_a_plain_column_does_not() -> None:
    context = context_of(events_of([(1, 5), (2, 50)]), anchors=("i7",))
    assert seen(context, "als") is context
    for view in VIEWS:
        other = seen(context, f"als@{view}")
        assert not len(other.anchors)
        assert len(other.interactions)
        assert other.now_us == context.now_us
    assert weights_of(seen(context, "als@shopper")) == weights_of(context)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_nobody_is_empty(view: str) -> None:
    assert seen(Context(NOW_US), f"als@{view}").is_cold


@given(HISTORIES, st.integers(0, 41))
def test_a_history_cut_anywhere_is_seen_the_same(steps: list[tuple[int, int]], cut_hours: int) -> None:
    events = events_of(steps)
    whole, cut = context_of(events), context_of(events, cut_us=NOW_US - cut_hours * 60 * MINUTE_US)
    for view in ("recent", "last"):
        assert weights_of(seen(cut, f"als@{view}")) == weights_of(seen(whole, f"als@{view}"))
    assert set(weights_of(seen(cut, "als@shopper"))) == set(weights_of(whole))


@given(HISTORIES)
def test_steps_are_the_distinct_moments_of_the_newest_events(steps: list[tuple[int, int]]) -> None:
    newest = {item: min(minutes for other, minutes in steps if other == item) for item, _ in steps}
    moments = sorted(set(newest.values()))
    own = context_of(events_of(steps)).interactions
    found: Float32 = steps_back(own)
    assert dict(zip(own.items.tolist(), found.tolist(), strict=True)) == {
        item: float(moments.index(minutes)) for item, minutes in newest.items()
    }


def test_what_is_looked_at_in_the_session_is_the_newest_step() -> None:
    history = History(recent=Recent(("i1",), events_of([(0, 60)])))
    context = build_context(VOCABULARY, MEMORY, now_us=NOW_US, history=history, session_ids=["i4", "i5"])
    assert set(weights_of(seen(context, "als@last"))) == {5}
    assert weights_of(seen(context, "als@recent"))[5] == 1.0


def test_the_views_of_one_shopper_are_made_once() -> None:
    context = context_of(events_of([(1, 5), (2, 50)]))
    assert seen(context, "als@recent").shopper is seen(context, "covisitation@recent").shopper


@given(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.sampled_from(sorted(VIEWS)))
def test_a_column_names_its_source_and_its_view(source: str, view: str) -> None:
    assert (source_of(source), view_of(source)) == (source, "")
    assert (source_of(f"{source}@{view}"), view_of(f"{source}@{view}")) == (source, view)
