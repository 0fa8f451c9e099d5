"""The page of one product, ranked in advance: the same as worked out live, and left alone where it would not be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from models.catalogue import Catalogue
from models.context import Context, Interactions, build_context
from models.facts import GAP, PRICE, Facts
from models.features import Features
from models.history import Summary
from models.learned import LearnedRanker
from models.placement import Placement, RankedBy
from models.rank import Blend
from models.ready import ReadyRankings
from models.recommend import Recommendation, recommend
from models.snapshot import Snapshot
from store.bundles.published import PublishedBundles
from store.bundles.read import open_bundle
from store.placements import read_placements
from training.ready import KEPT, make_ready

PLACEMENT = replace(read_placements()["product"], n=5)
ROWS = np.arange(24, dtype=np.int32)


@pytest.fixture(scope="session")
def snapshot(taught_home: Path) -> Snapshot:
    return PublishedBundles(taught_home / "bundles").champion().snapshot


def about(snapshot: Snapshot, *rows: int) -> Context:
    ids = [snapshot.vocabulary.ids[row] for row in rows]
    return build_context(snapshot.vocabulary, snapshot.memory, now_us=snapshot.data_until_us, anchor_ids=ids)


def live(context: Context, snapshot: Snapshot, placement: Placement = PLACEMENT) -> Recommendation:
    return recommend(context, replace(snapshot, ready={}), placement)


def from_ready(context: Context, snapshot: Snapshot, placement: Placement = PLACEMENT) -> bool:
    """Whether an answer was taken from what was ready: sources are asked of their rows otherwise."""
    stages: list[str] = []
    recommend(context, snapshot, placement, ended=stages.append)
    return stages == ["rules"]


def test_a_bundle_holds_the_page_of_every_warm_item(snapshot: Snapshot, taught_home: Path) -> None:
    assert set(snapshot.ready) == {"product"}
    assert len(snapshot.ready["product"].rows) == 24
    pointer = PublishedBundles(taught_home / "bundles").pointer()
    assert pointer is not None
    assert open_bundle(taught_home / "bundles" / pointer.champion).snapshot.ready.keys() == {"product"}


def test_what_is_ready_is_what_would_be_worked_out(snapshot: Snapshot) -> None:
    for row in range(len(snapshot.ready["product"].rows)):
        context = about(snapshot, row)
        assert from_ready(context, snapshot)
        ready, worked_out = recommend(context, snapshot, PLACEMENT), live(context, snapshot)
        assert ready.rows.tolist() == worked_out.rows.tolist()
        np.testing.assert_array_equal(ready.scores, worked_out.scores)
        assert ready.shares.argmax(axis=1).tolist() == worked_out.shares.argmax(axis=1).tolist()
        assert (ready.sources, ready.fallback, ready.removed) == (
            worked_out.sources,
            worked_out.fallback,
            worked_out.removed,
        )


def test_what_is_ready_is_ranked_by_what_was_learned(snapshot: Snapshot) -> None:
    """The page of a product is ranked ahead by the ranker that would be asked, and by the blend for who wants that."""
    blend = snapshot.rankers["similar"]
    assert isinstance(blend, Blend)
    n = len(snapshot.catalogue)
    facts = Facts((PRICE, GAP), np.ones((n + 1, 2), np.float32), (), np.zeros((n + 1, 0), np.int32))
    features = Features(tuple(PLACEMENT.sources), facts, of_shopper=False)
    upside_down = LearnedRanker(blend, features, lambda found: -found[:, features.names.index("blend")], 30)
    learned = replace(snapshot, rankers={**snapshot.rankers, "similar": upside_down})
    for ranked_by in get_args(RankedBy):
        placement = replace(PLACEMENT, ranked_by=ranked_by)
        ready = replace(learned, ready=make_ready(learned, {"product": placement}, ROWS))
        context = about(ready, 0)
        assert from_ready(context, ready, placement)
        rows = recommend(context, ready, placement).rows.tolist()
        assert rows == live(about(ready, 0), learned, placement).rows.tolist()
        assert (rows == live(about(ready, 0), snapshot).rows.tolist()) is (ranked_by == "blend")
        other = replace(PLACEMENT, ranked_by="blend" if ranked_by == "learned" else "learned")
        assert not from_ready(about(ready, 0), ready, other)


def test_what_must_not_be_shown_is_not(snapshot: Snapshot) -> None:
    context = about(snapshot, 0)
    first = recommend(context, snapshot, PLACEMENT).rows[0]
    without = replace(context, excluded=np.array([first], dtype=np.int32))
    assert from_ready(without, snapshot)
    assert recommend(without, snapshot, PLACEMENT).rows.tolist() == live(without, snapshot).rows.tolist()
    in_stock = snapshot.catalogue.in_stock.copy()
    in_stock[first] = False
    sold_out = replace(snapshot, catalogue=replace(snapshot.catalogue, in_stock=in_stock))
    assert first not in recommend(context, sold_out, PLACEMENT).rows


def _bought(snapshot: Snapshot, context: Context) -> Context:
    row = int(recommend(context, snapshot, PLACEMENT).rows[0])
    columns = {name: np.array([1]) for name in Summary.__dataclass_fields__}
    own = Summary(**{**columns, "items": np.array([row], dtype=np.int32), "decayed": np.ones(1, dtype=np.float32)})
    return replace(context, shopper=Interactions(own))


OTHER_QUESTIONS: dict[str, Callable[[Snapshot, Context], Context]] = {
    "several items": lambda snapshot, _: about(snapshot, 0, 1),
    "a category": lambda _, context: replace(context, category=("kitchen",)),
    "no item": lambda _, context: replace(context, anchors=context.anchors[:0]),
    "somebody who bought one of these": _bought,
}


@pytest.mark.parametrize("change", OTHER_QUESTIONS.values(), ids=OTHER_QUESTIONS)
def test_another_question_is_worked_out(snapshot: Snapshot, change: Callable[[Snapshot, Context], Context]) -> None:
    assert not from_ready(change(snapshot, about(snapshot, 0)), snapshot)


@pytest.mark.parametrize("placement", [{"sources": {"als": 100}}, {"task": "complement"}, {"n": 24}])
def test_another_placement_and_a_longer_list_are_worked_out(snapshot: Snapshot, placement: dict[str, object]) -> None:
    asked = replace(PLACEMENT, **placement)  # type: ignore[arg-type]
    context = about(snapshot, 0)
    assert not from_ready(context, snapshot, asked)
    assert recommend(context, snapshot, asked).rows.tolist() == live(context, snapshot, asked).rows.tolist()


def test_an_item_that_came_later_is_looked_for_on_the_pages_of_its_category(snapshot: Snapshot) -> None:
    old = snapshot.catalogue
    vocabulary = old.vocabulary.extended(["spade"])
    columns: dict[str, Any] = {
        name: np.append(getattr(old, name), getattr(old, name)[:1])
        for name in Catalogue.__dataclass_fields__
        if isinstance(getattr(old, name), np.ndarray)
    }
    newer = replace(snapshot, catalogue=replace(old, vocabulary=vocabulary, titles=(*old.titles, "Spade"), **columns))
    of_category = {row: old.category_numbers[row] == old.category_numbers[0] for row in range(24)}
    assert {row: not from_ready(about(newer, row), newer) for row in range(24)} == of_category


def test_a_bundle_that_lacks_a_source_of_the_placement_has_nothing_ready(snapshot: Snapshot) -> None:
    without = replace(snapshot, sources={name: one for name, one in snapshot.sources.items() if name != "als"})
    assert make_ready(without, read_placements(), ROWS) == {}
    assert make_ready(snapshot, {"a/b": PLACEMENT}, ROWS) == {}, "its name is no folder's"
    assert make_ready(snapshot, read_placements(), ROWS[:0]) == {}


def test_columns_that_do_not_belong_together_are_refused() -> None:
    rows = np.zeros((3, KEPT), dtype=np.int32)
    with pytest.raises(ValueError, match="rows, scores, leading and anchored"):
        ReadyRankings(3, "similar", "blend", {}, rows, np.zeros((2, KEPT), np.float32), rows.astype(np.uint8), rows > 0)


def test_pages_that_are_not_ranked_ahead_are_ranked_when_somebody_looks(snapshot: Snapshot) -> None:
    some = ROWS[[2, 5, 11]]
    ready = replace(snapshot, ready=make_ready(snapshot, {"product": PLACEMENT}, some))
    assert len(ready.ready["product"].rows) == 12
    for row in (2, 3, 11, 13):
        context = about(snapshot, row)
        found, asked = recommend(context, ready, PLACEMENT), live(context, snapshot)
        assert found.rows.tolist() == asked.rows.tolist(), row
