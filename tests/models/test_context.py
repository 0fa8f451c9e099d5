from datetime import timedelta

import pytest

from models.context import Context, build_context
from models.errors import UnknownItemError
from models.history import History
from models.vocabulary import Vocabulary
from tests.worlds import MEMORY, NOW, event, event_frame, history_of, microseconds

VOCABULARY = Vocabulary(["a", "b", "c"])


def asked(*item_ids: str, anchor_ids: tuple[str, ...] = (), excluded_ids: tuple[str, ...] = ()) -> Context:
    """The context of a shopper who bought these, the last one last."""
    frame = event_frame(event("u:1", it, NOW - timedelta(days=9 - n)) for n, it in enumerate(item_ids))
    history = history_of(frame, before=NOW)
    return build_context(
        VOCABULARY,
        MEMORY,
        now_us=microseconds(NOW),
        history=history,
        anchor_ids=anchor_ids,
        excluded_ids=excluded_ids,
    )


def test_interactions_are_rows_newest_first() -> None:
    context = asked("a", "c", "b", "a")
    assert context.interactions.items.tolist() == [0, 1, 2]
    assert context.interactions.purchases.tolist() == [2, 1, 1]
    assert sorted(context.bought.tolist()) == [0, 1, 2]
    assert not context.is_cold


def test_the_past_and_the_recent_events_make_one_list() -> None:
    frame = event_frame(event("u:1", it, NOW - timedelta(days=9 - n)) for n, it in enumerate("acba"))
    for cut in (NOW - timedelta(days=days) for days in (20, 8, 7, 1)):
        history = history_of(frame, before=NOW, cut=cut)
        context = build_context(VOCABULARY, MEMORY, now_us=microseconds(NOW), history=history)
        assert context.interactions.items.tolist() == [0, 1, 2]


def test_items_of_a_history_that_nobody_knows_are_dropped_in_silence() -> None:
    context = asked("ghost", "b", "phantom")
    assert context.interactions.items.tolist() == [1]
    assert context.unknown_item_ids == ()
    assert asked("ghost").is_cold


def test_nobody_is_cold() -> None:
    context = build_context(VOCABULARY, MEMORY, now_us=0)
    assert context.is_cold
    assert build_context(VOCABULARY, MEMORY, now_us=0, history=History()).is_cold
    assert len(context.bought) == len(context.anchors) == len(context.excluded) == 0


def test_unknown_ids_of_the_question_are_named() -> None:
    context = asked(anchor_ids=("b", "ghost"), excluded_ids=("phantom", "c"))
    assert context.anchors.tolist() == [1]
    assert context.excluded.tolist() == [2]
    assert context.unknown_item_ids == ("ghost", "phantom")


def test_a_question_about_unknown_items_only_is_refused() -> None:
    with pytest.raises(UnknownItemError, match="'ghost' is not in the bundle or the catalogue"):
        asked(anchor_ids=("ghost", "phantom"))


def test_what_was_only_looked_at_was_not_bought() -> None:
    frame = event_frame([event("u:1", "a", NOW - timedelta(days=1), "view")])
    context = build_context(VOCABULARY, MEMORY, now_us=microseconds(NOW), history=history_of(frame, before=NOW))
    assert len(context.bought) == 0
    assert not context.is_cold
