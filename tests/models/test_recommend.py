from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.arrays import Int32, Mask
from models.context import Context, build_context
from models.errors import ConfigurationError
from models.placement import Placement, Task
from models.reasons import reasons
from models.recommend import FILL_SOURCE, MOST_EXCLUDED, Recommendation, recommend
from models.rules import eligible
from models.snapshot import Snapshot
from models.sources import SOURCES
from tests.worlds import MEMORY, NOW, Question, World, every_world, microseconds, snapshot_of

WORLD_OF = {world.name: world for world in every_world()}
HOME = Placement("home", "personal", dict.fromkeys(SOURCES, 50), n=10)
QUOTAS = st.dictionaries(st.sampled_from([*SOURCES, "not in the bundle"]), st.integers(1, 12), max_size=5)
PLACEMENTS = st.builds(
    Placement,
    name=st.just("somewhere"),
    task=st.sampled_from(["personal", "new_to_you", "similar", "complement"]),
    sources=QUOTAS,
    n=st.integers(1, 15),
    known=st.sampled_from(["keep", "mask", "only"]),
    one_per_title=st.booleans(),
    one_per_group=st.booleans(),
    max_per_category=st.none() | st.integers(1, 3),
)


@dataclass(frozen=True)
class Asked:
    """One request of one shop: what `recommend` is given."""

    context: Context
    snapshot: Snapshot
    placement: Placement

    def __repr__(self) -> str:
        items = self.context.interactions.items.tolist()
        return f"{self.snapshot.version}: {items=} {self.context.anchors=} {self.context.excluded=} {self.placement}"

    def answer(self, *, explain: bool = False) -> Recommendation:
        return recommend(self.context, self.snapshot, self.placement, explain=explain)

    def mask(self) -> Mask:
        return eligible(self.context, self.snapshot.catalogue, self.placement)


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Any shopper of any world on any placement; some items sold out, some excluded, some variants of another."""
    world = WORLD_OF[draw(st.sampled_from(sorted(WORLD_OF)))]
    snapshot = snapshot_of(world.name)
    n = len(snapshot.catalogue)
    rows = st.lists(st.integers(0, n - 1), max_size=4, unique=True)
    in_stock = np.ones(n, np.bool_)
    in_stock[draw(rows)] = False
    groups = np.array(draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n)), np.int32)
    shopper = draw(st.none() | st.sampled_from(world.events["shopper"].unique().sort().to_list()[-8:]))
    context = replace(
        world.context(snapshot.vocabulary, Question((), shopper)),
        anchors=np.array(draw(rows), np.int32),
        excluded=np.array(draw(rows), np.int32),
        category=draw(st.just(()) | st.sampled_from([(), *snapshot.catalogue.categories, ("nowhere",)])),
    )
    catalogue = replace(snapshot.catalogue, in_stock=in_stock, group_numbers=groups)
    return Asked(context, replace(snapshot, catalogue=catalogue), draw(PLACEMENTS))


@pytest.fixture(autouse=True, scope="module")
def every_snapshot() -> None:
    """Learned before the first example, so that none of them is slow."""
    for name in WORLD_OF:
        snapshot_of(name)


many = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])


@many
@given(requests())
def test_never_fewer_than_asked_while_there_is_something_to_show(asked: Asked) -> None:
    rows = asked.answer().rows
    assert len(rows) == min(asked.placement.n, int(asked.mask().sum()))
    assert len(set(rows.tolist())) == len(rows)


@many
@given(requests())
def test_what_may_not_be_shown_is_never_shown(asked: Asked) -> None:
    rows, catalogue = asked.answer().rows, asked.snapshot.catalogue
    assert asked.mask()[rows].all()
    assert catalogue.in_stock[rows].all()
    shown = set(rows.tolist())
    assert not shown & set(asked.context.excluded.tolist())
    assert not shown & set(asked.context.anchors.tolist())
    if asked.placement.known == "mask":
        assert not shown & set(asked.context.bought.tolist())
    for number in catalogue.category_numbers[rows] if asked.context.category else ():
        assert catalogue.categories[number][: len(asked.context.category)] == asked.context.category


@many
@given(requests())
def test_what_each_source_alone_would_give_is_what_a_placement_of_it_gives(asked: Asked) -> None:
    told = asked.answer(explain=True)
    assert tuple(told.by_source) == told.sources
    for name, rows in told.by_source.items():
        alone = replace(asked.placement, sources={name: asked.placement.sources[name]})
        assert rows.tolist() == recommend(asked.context, asked.snapshot, alone).rows.tolist()


@many
@given(requests())
def test_explaining_changes_nothing_and_asking_twice_gives_the_same(asked: Asked) -> None:
    once, again, told = asked.answer(), asked.answer(), asked.answer(explain=True)
    for other in (again, told):
        assert other.rows.tolist() == once.rows.tolist()
        np.testing.assert_array_equal(other.scores, once.scores)
    assert once.by_source == {}


@many
@given(requests())
def test_columns_fit_the_rows_and_what_fills_up_is_named(asked: Asked) -> None:
    told = asked.answer()
    assert told.scores.shape == (len(told.rows),)
    assert told.shares.shape == (len(told.rows), len(told.sources))
    filled = np.isnan(told.scores)
    assert told.n_filled == int(filled.sum())
    assert told.fallback == (FILL_SOURCE if told.n_filled else None)
    assert (told.shares[filled] == 0).all()
    assert [told.rows.dtype, told.scores.dtype, told.shares.dtype] == [np.dtype(np.int32), *[np.dtype(np.float32)] * 2]


@many
@given(requests())
def test_without_limits_the_list_is_in_the_order_of_the_scores(asked: Asked) -> None:
    free = replace(asked.placement, one_per_title=False, one_per_group=False, max_per_category=None)
    scores = recommend(asked.context, asked.snapshot, free).scores
    scores = scores[~np.isnan(scores)]
    assert (np.diff(scores) <= 0).all()


@many
@given(requests())
def test_one_of_a_group_is_shown_unless_the_list_would_stay_short(asked: Asked) -> None:
    rows = asked.answer().rows
    if not asked.placement.one_per_group:
        return
    groups = asked.snapshot.catalogue.group_numbers
    there = groups[asked.mask()]
    different = len(set(there[there >= 0].tolist())) + int((there < 0).sum())
    shown = groups[rows]
    shown = shown[shown >= 0]
    if len(set(shown.tolist())) < len(shown):
        assert asked.placement.n > different


def home_of(world_name: str, shopper: str | None, placement: Placement = HOME) -> tuple[Asked, list[str]]:
    snapshot = snapshot_of(world_name)
    context = WORLD_OF[world_name].context(snapshot.vocabulary, Question((), shopper))
    asked = Asked(context, snapshot, placement)
    return asked, ids_of(asked, asked.answer().rows)


def ids_of(asked: Asked, rows: Int32) -> list[str]:
    return [asked.snapshot.vocabulary.ids[row] for row in rows]


@pytest.mark.parametrize("known", ["keep", "mask"])
def test_a_shopper_of_two_communities_gets_three_of_ten_from_each(known: str) -> None:
    _, shown = home_of("two communities", "u:both", replace(HOME, known=known))  # type: ignore[arg-type]
    for community in ("garden", "kitchen"):
        assert sum(item_id.startswith(community) for item_id in shown) >= 3


@pytest.mark.parametrize("source", ["als", "item_knn", "covisitation", "content"])
def test_somebody_of_whom_nothing_is_known_gets_what_is_popular_and_is_told_so(source: str) -> None:
    asked, shown = home_of("rising", None, replace(HOME, sources={source: 50}))
    assert shown[0] == "evergreen"
    assert asked.answer().fallback == "popular"
    assert {reason.source for reason in reasons(asked.context, asked.snapshot, asked.answer())} == {"popular"}


def test_a_placement_whose_sources_the_bundle_lacks_shows_what_is_popular() -> None:
    for sources in ({}, {"of the future": 50}, {"of the future": 50, "of the past": 9}):
        asked, shown = home_of("rising", None, replace(HOME, sources=sources))
        assert shown == ids_of(
            asked, recommend(asked.context, asked.snapshot, replace(HOME, sources={"popular": 9})).rows
        )
        assert asked.answer().n_filled == len(shown)


@pytest.mark.parametrize("known", ["keep", "mask"])
@pytest.mark.parametrize("source", ["popular", "als"])
def test_a_bundle_without_popular_still_fills_the_list(source: str, known: str) -> None:
    asked, _ = home_of("checkerboard", "u:1", replace(HOME, sources={source: 3}, known=known))  # type: ignore[arg-type]
    bare = replace(
        asked.snapshot, sources={name: it for name, it in asked.snapshot.sources.items() if name != "popular"}
    )
    assert len(recommend(asked.context, bare, asked.placement).rows) == 10


def test_a_list_that_fills_up_by_more_than_it_was_proposed_keeps_the_proposed_first() -> None:
    asked, _ = home_of("checkerboard", "u:1", replace(HOME, sources={"als": 3}))
    told = asked.answer()
    assert told.n_filled == 7
    assert np.isnan(told.scores).tolist() == [False] * 3 + [True] * 7


def test_a_shop_with_nothing_to_sell_shows_nothing() -> None:
    asked, _ = home_of("checkerboard", "u:1")
    closed = replace(asked.snapshot, catalogue=replace(asked.snapshot.catalogue, in_stock=np.zeros(40, np.bool_)))
    told = recommend(asked.context, closed, asked.placement, explain=True)
    assert len(told.rows) == 0
    assert told.fallback is None
    assert reasons(asked.context, closed, told) == ()


def test_an_item_that_came_after_the_bundle_can_be_shown() -> None:
    snapshot = snapshot_of("checkerboard")
    world: World = WORLD_OF["checkerboard"]
    later = replace(world, items=pl.concat([world.items, world.items.head(1).with_columns(item_id=pl.lit("later"))]))
    grown = replace(snapshot, catalogue=later.catalogue(snapshot.vocabulary))
    context = build_context(
        grown.vocabulary, MEMORY, now_us=microseconds(NOW), excluded_ids=[f"i{number}" for number in range(40)]
    )
    told = recommend(context, grown, HOME)
    assert [grown.vocabulary.ids[row] for row in told.rows] == ["later"]


def test_a_category_is_never_left_not_even_to_fill_a_list() -> None:
    asked, _ = home_of("two communities", "u:garden-1", replace(HOME, max_per_category=1, n=20))
    told = recommend(replace(asked.context, category=("kitchen",)), asked.snapshot, asked.placement)
    assert sorted(ids_of(asked, told.rows)) == sorted(f"kitchen-{number}" for number in range(12))


def test_a_category_that_nobody_has_gives_an_empty_list() -> None:
    asked, _ = home_of("two communities", "u:garden-1")
    told = recommend(replace(asked.context, category=("attic",)), asked.snapshot, asked.placement)
    assert (len(told.rows), told.fallback) == (0, None)


@pytest.mark.parametrize("task", get_args(Task))
def test_a_task_that_the_bundle_did_not_learn_is_refused_with_what_to_do(task: Task) -> None:
    asked, _ = home_of("checkerboard", "u:1", replace(HOME, task=task))
    bare = replace(asked.snapshot, rankers={})
    with pytest.raises(ConfigurationError, match=f"placement 'home': .* task '{task}'; train again"):
        recommend(asked.context, bare, asked.placement)
    assert len(recommend(asked.context, bare, replace(asked.placement, sources={"als": 50})).rows) == 10


# ---- one ranking for several questions


@given(requests())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_ranking_made_ahead_gives_the_list_that_is_worked_out(asked: Asked) -> None:
    nothing_excluded = replace(asked.context, excluded=np.zeros(0, np.int32))
    ahead = recommend(nothing_excluded, asked.snapshot, asked.placement)
    worked_out = recommend(nothing_excluded, asked.snapshot, asked.placement, explain=True)
    assert ahead.rows.tolist() == worked_out.rows.tolist()
    np.testing.assert_array_equal(ahead.scores, worked_out.scores)
    np.testing.assert_array_equal(ahead.shares, worked_out.shares)
    assert (ahead.fallback, ahead.silent) == (worked_out.fallback, worked_out.silent)


@given(requests(), st.data())
def test_the_next_question_of_a_shopper_is_answered_inside_its_own_mask(asked: Asked, data: st.DataObject) -> None:
    asked.answer()
    everything = np.arange(len(asked.snapshot.catalogue), dtype=np.int32)
    excluded = np.array(data.draw(st.lists(st.sampled_from(everything.tolist()), max_size=8)), np.int32)
    in_stock = asked.snapshot.catalogue.in_stock.copy()
    in_stock[data.draw(st.lists(st.sampled_from(everything.tolist()), max_size=3))] = False
    catalogue = replace(asked.snapshot.catalogue, in_stock=in_stock)
    again = Asked(
        replace(asked.context, excluded=excluded), replace(asked.snapshot, catalogue=catalogue), asked.placement
    )
    found = again.answer()
    assert again.mask()[found.rows].all()
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert len(found.rows) == len(again.answer(explain=True).rows), "a list is as long as it can be"


def test_a_next_page_asks_no_source_again() -> None:
    world = WORLD_OF["two communities"]
    snapshot = snapshot_of(world.name)
    shopper = world.events["shopper"].unique().sort().to_list()[-1]
    context = world.context(snapshot.vocabulary, Question((), shopper))
    stages: list[str] = []
    placement = replace(HOME, n=3)
    first = recommend(context, snapshot, placement, ended=stages.append)
    second = recommend(replace(context, excluded=first.rows), snapshot, placement, ended=stages.append)
    assert stages == ["candidates", "rank", "rules", "rules"]
    assert not set(first.rows.tolist()) & set(second.rows.tolist())
    many = np.arange(MOST_EXCLUDED + 1, dtype=np.int32) % len(snapshot.catalogue)
    stages.clear()
    recommend(replace(context, excluded=many), snapshot, placement, ended=stages.append)
    assert stages[0] == "candidates", "who excludes much is searched for"
