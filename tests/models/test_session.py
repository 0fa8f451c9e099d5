"""What is looked at in a session counts like views of this moment."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.context import Context, build_context, interactions_of
from models.events import CODE_OF
from models.history import History, Memory
from models.placement import Placement
from models.recommend import recommend
from models.session import COUNTED
from models.vocabulary import Vocabulary
from tests.worlds import MEMORY, NOW, event, event_frame, history_of, microseconds, snapshot_of

VOCABULARY = Vocabulary(["a", "b", "c"])


def asked(*session_ids: str, history: History | None = None, memory: Memory = MEMORY) -> Context:
    return build_context(VOCABULARY, memory, now_us=microseconds(NOW), history=history, session_ids=session_ids)


def weighing(**weights: float) -> Memory:
    """A memory in which only these types weigh something."""
    return replace(MEMORY, weights=tuple(weights.get(name, 0.0) for name in CODE_OF))


def did(*rows: tuple[str, str]) -> History:
    """The history of a shopper with these (type, item), one a day, the last of them a day ago."""
    frame = event_frame(
        event("u:1", it, NOW - timedelta(days=len(rows) - n), kind) for n, (kind, it) in enumerate(rows)
    )
    return history_of(frame, before=NOW)


def test_the_last_one_looked_at_is_the_newest_and_none_of_them_was_bought() -> None:
    context = asked("b", "c", "a", "c")
    assert context.interactions.items.tolist() == [2, 0, 1]
    assert context.interactions.counts.tolist() == [2, 1, 1]
    assert not context.is_cold
    assert len(context.bought) == 0


def test_a_look_weighs_what_a_view_of_now_does() -> None:
    view = MEMORY.weights[CODE_OF["view"]]
    np.testing.assert_allclose(asked("a", "b", "a").interactions.decayed, [2 * view, view], rtol=1e-6)


@pytest.mark.parametrize(
    ("memory", "weight"),
    [
        (weighing(view=0.3, purchase=0.1), 0.3),
        (weighing(purchase=1.0, wishlist=0.4, click=0.6), 0.4),
        (weighing(), None),
    ],
)
def test_where_views_weigh_nothing_a_look_weighs_the_least_that_anything_does(
    memory: Memory, weight: float | None
) -> None:
    decayed = asked("a", memory=memory).interactions.decayed
    np.testing.assert_allclose(decayed, [] if weight is None else [weight])


def test_a_session_joins_the_history_and_takes_nothing_from_it() -> None:
    history = did(("purchase", "a"), ("purchase", "b"), ("view", "c"))
    before, context = asked(history=history), asked("c", "a", history=history)
    assert context.interactions.items.tolist() == [0, 2, 1]
    assert sorted(context.bought.tolist()) == sorted(before.bought.tolist()) == [0, 1]
    purchases = dict(zip(context.interactions.items.tolist(), context.interactions.last_purchase_us, strict=True))
    assert purchases[0] == before.interactions.last_purchase_us[before.interactions.items == 0]
    assert context.interactions.decayed.sum() > before.interactions.decayed.sum()


def test_only_the_newest_of_a_long_session_count() -> None:
    context = asked("a", *["b"] * COUNTED)
    assert context.interactions.items.tolist() == [1]
    assert context.interactions.counts.tolist() == [COUNTED]


def test_ids_that_nobody_knows_are_named_and_ignored() -> None:
    context = asked("ghost", "b", "phantom")
    assert context.interactions.items.tolist() == [1]
    assert context.unknown_item_ids == ("ghost", "phantom")
    assert asked("ghost").is_cold


@pytest.mark.parametrize("community", ["garden", "kitchen"])
def test_somebody_with_nothing_but_a_session_is_served_from_near_it(community: str) -> None:
    snapshot = snapshot_of("two communities")
    context = build_context(
        snapshot.vocabulary,
        MEMORY,
        now_us=microseconds(NOW),
        session_ids=[f"{community}-1", f"{community}-5"],
    )
    home = Placement("home", "personal", {"als": 50, "item_knn": 50, "covisitation": 50}, n=5)
    told = recommend(context, snapshot, home)
    assert told.fallback is None
    assert all(snapshot.vocabulary.ids[row].startswith(community) for row in told.rows)


def test_the_lists_of_a_page_share_what_is_made_of_their_session_and_another_session_starts_anew() -> None:
    history = did(("purchase", "a"), ("purchase", "b"), ("view", "c"))
    before = interactions_of(history, VOCABULARY, MEMORY, microseconds(NOW))

    def seen(*session_ids: str) -> Context:
        return build_context(VOCABULARY, MEMORY, now_us=microseconds(NOW), history=before, session_ids=session_ids)

    assert seen("c", "a").shopper is seen("c", "a").shopper
    for session_ids in (("c", "a"), ("a", "c"), ("b",)):
        alone = asked(*session_ids, history=history)
        assert seen(*session_ids).interactions.items.tolist() == alone.interactions.items.tolist()
        assert seen(*session_ids).interactions.decayed.tolist() == alone.interactions.decayed.tolist()
    assert seen().shopper is before
