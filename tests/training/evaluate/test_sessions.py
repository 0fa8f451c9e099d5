"""Sessions belong to the side on which they begin; the next item is asked of what the session did so far."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import numpy as np
import polars as pl
import pytest

from models.errors import InputError
from store.placements import read_placements
from tests.training.evaluate.staged import RECIPE, asked, laid_out, learned_pairs, told
from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.evaluate.item_to_item import item_to_item
from training.evaluate.lists import Asking
from training.evaluate.next_item import LAST_ITEM, SESSION_ITEMS, next_item
from training.evaluate.sessions import SessionStage, stages
from training.evaluate.table import Options, Table
from training.progress import Steps
from training.ranking import one_per_task
from training.read import ShopData
from training.trial import fit_stages

CUTOFF = NOW - timedelta(days=2)
START = NOW - timedelta(days=8)
UNTIL_US = microseconds(NOW)
PLACEMENTS = read_placements()


def session(name: str, items: str, hours: float, shopper: str = "") -> list[dict[str, object]]:
    """A session that begins some hours after the cutoff, a letter a view, a minute apart."""
    begins = CUTOFF + timedelta(hours=hours)
    return [
        event(f"u:{shopper or name}", it, begins + timedelta(minutes=minute), "view", session_id=name)
        for minute, it in enumerate(items)
    ]


def shop_of(*sessions: list[dict[str, object]], items: str = "abcdefgh") -> ShopData:
    rows = [event("u:first", "h", START, "view", session_id="first"), *(row for one in sessions for row in one)]
    return ShopData(event_frame(rows), item_frame(item(it) for it in items), 0)


def both(shop: ShopData, test: ShopData | None = None) -> tuple[SessionStage, SessionStage]:
    cutoff_us = microseconds(CUTOFF) if test is None else int(shop.events["ts"].dt.timestamp("us").max()) + 1  # type: ignore[arg-type]
    return stages(shop, test, laid_out, cutoff_us, UNTIL_US)


SHOP = shop_of(
    session("early", "abc", -30),
    session("astride", "cdef", -0.03),
    session("late", "abba", 5),
    session("single", "g", 6),
)


def test_every_event_but_the_last_asks_for_the_next_given_the_session_so_far() -> None:
    _, testing = both(SHOP)
    assert told(testing.stage, "personal") == [
        ("u:late", ("a",), ("b",)),
        ("u:late", ("a", "b"), ("b",)),
        ("u:late", ("a", "b"), ("a",)),
    ]
    assert testing.steps.moves.tolist() == [True, False, True]


def test_a_session_belongs_to_the_side_on_which_it_begins_and_what_it_does_later_is_nobodys() -> None:
    learning, testing = both(SHOP)
    assert {shopper for shopper, _, _ in told(testing.stage, "personal")} == {"u:late"}
    astride = [line for line in told(learning.stage, "personal") if line[0] == "u:astride"]
    assert astride == [("u:astride", ("c",), ("d",))]
    assert ("u:astride", "d") in learned_pairs(testing.stage.past)
    assert not {("u:astride", "e"), ("u:astride", "f")} & learned_pairs(testing.stage.past)


def test_nothing_from_the_cutoff_on_reaches_a_fit_and_labels_lie_before_it() -> None:
    def planted(shop: ShopData) -> ShopData:
        later = pl.col("ts") >= CUTOFF
        return replace(
            shop, events=shop.events.with_columns(item_id=pl.when(later).then(pl.lit("h")).otherwise("item_id"))
        )

    (learning, testing), (other_learning, other_testing) = both(SHOP), both(planted(SHOP))
    for honest, changed in ((learning, other_learning), (testing, other_testing)):
        assert learned_pairs(honest.stage.past) == learned_pairs(changed.stage.past)
        assert (honest.stage.past.events.ts_us == changed.stage.past.events.ts_us).all()
    assert told(learning.stage, "personal") == told(other_learning.stage, "personal")
    assert told(testing.stage, "personal") != told(other_testing.stage, "personal")


def test_rankings_learn_from_as_long_as_is_measured_at_most_a_third_of_the_past() -> None:
    learning, testing = both(SHOP)
    assert testing.cutoff_us == learning.until_us == microseconds(CUTOFF)
    assert learning.cutoff_us == microseconds(CUTOFF - timedelta(days=2))
    assert learning.stage.past.until_us == learning.cutoff_us
    short = shop_of(session("early", "abc", -1), session("late", "ab", 1))
    begun = short.events.filter(pl.col("session_id") != "first")
    first = event_frame([event("u:first", "h", CUTOFF - timedelta(hours=6), "view", session_id="first")])
    learning, _ = both(replace(short, events=first.vstack(begun).sort("shopper", "ts")))
    assert learning.cutoff_us == microseconds(CUTOFF - timedelta(hours=2))


def test_two_files_are_the_two_sides_but_for_sessions_that_are_in_both() -> None:
    train = shop_of(session("early", "abc", -30), session("other", "cde", -20))
    test = shop_of(session("late", "ab", -40), session("early", "fg", 1))
    _, testing = both(train, test)
    assert told(testing.stage, "personal") == [("u:late", ("a",), ("b",))]
    assert learned_pairs(testing.stage.past) == {
        (f"u:{name}", it) for name, items in (("first", "h"), ("early", "abc"), ("other", "cde")) for it in items
    }


def test_items_of_one_moment_keep_the_order_of_the_file() -> None:
    rows = [{**row, "ts": CUTOFF + timedelta(hours=1)} for row in session("late", "dcba", 1)]
    _, testing = both(shop_of(session("early", "abc", -30), rows))
    assert told(testing.stage, "personal")[-1] == ("u:late", ("d", "c", "b"), ("a",))


def test_a_next_item_that_may_not_be_recommended_is_no_question() -> None:
    shop = shop_of(session("early", "abc", -30), session("late", "abc", 1))
    items = shop.items.with_columns(recommendable=pl.col("item_id") != "b")
    _, testing = both(replace(shop, items=items))
    assert told(testing.stage, "personal") == [("u:late", ("a", "b"), ("c",))]


def test_items_that_are_published_during_the_test_are_in_its_catalogue() -> None:
    shop = shop_of(session("early", "abc", -30), session("late", "abc", 1))
    items = shop.items.with_columns(
        published_at=pl.when(pl.col("item_id") == "g")
        .then(pl.lit(CUTOFF + timedelta(hours=3)))
        .otherwise("published_at")
    )
    learning, testing = both(replace(shop, items=items))
    assert "g" in testing.stage.past.vocabulary
    assert "g" not in learning.stage.past.vocabulary


def test_what_is_first_seen_in_a_session_is_known_to_that_session_alone() -> None:
    shop = shop_of(session("early", "abc", -30), session("late", "fga", 1), session("other", "abab", 2))
    dated = shop.items.with_columns(published_at=pl.when(pl.col("item_id") != "f").then("published_at"))
    learning, testing = both(replace(shop, items=dated))
    found = asked(testing.stage, "personal")
    assert found.histories.unheard == ("f",), "of g is said since when it was there"
    assert "f" in asked(learning.stage, "personal").histories.unheard
    snapshot = fit_stages([learning.stage], testing.stage, RECIPE, {"home": PLACEMENTS["home"]}, Steps())
    asking = Asking(snapshot, testing.stage.past, PLACEMENTS["home"], found.histories)
    (row,) = snapshot.vocabulary.rows(["f"]).tolist()
    hidden_from = [row in asking.context(question).excluded for question in found.questions]
    assert hidden_from == [False, False, True, True, True]


def test_item_to_item_asks_at_each_move_about_the_current_item_alone() -> None:
    _, testing = both(SHOP)
    found = asked(testing.stage, "similar")
    assert [question.anchors for question in found.questions] == [("a",), ("b",)]
    assert {question.owner for question in found.questions} == {-1}
    assert [found.vocabulary.ids[row] for row in found.targets.rows] == ["b", "a"]


@pytest.mark.parametrize(
    ("shop", "message"),
    [
        (
            replace(SHOP, events=SHOP.events.with_columns(session_id=pl.lit(None, pl.String))),
            "no event has a session_id",
        ),
        (shop_of(session("early", "abc", -30), session("single", "g", 6)), "choose an earlier --cutoff"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(shop: ShopData, message: str) -> None:
    with pytest.raises(InputError, match=message):
        both(shop)


def chains(seed: str = "chains") -> ShopData:
    """After a comes b, after b c, and so on round; some look at the same item twice."""
    chance, sessions = Random(seed), []  # noqa: S311 - a shop, not a secret
    for number in range(200):
        at, items = chance.randrange(8), ""
        for _ in range(4):
            items += "abcdefgh"[at % 8] * chance.choice((1, 1, 2))
            at += 1
        sessions.append(session(f"s{number}", items, chance.uniform(-140, 46)))
    return shop_of(*sessions)


@pytest.fixture(scope="module")
def measured() -> dict[str, Table]:
    learning, testing = both(chains())
    tables = {}
    for measure, task in ((next_item, "personal"), (item_to_item, "similar")):
        placements = {name: one for name, one in PLACEMENTS.items() if one.task == task}
        snapshot = fit_stages([learning.stage], testing.stage, RECIPE, placements, Steps())
        tables[task] = measure(snapshot, testing, one_per_task(placements), Options(1))
    return tables


def figure(table: Table, model: str, task: str, metric: str) -> float:
    return next(r.metrics[metric].value for r in table.rows if (r.model, r.task, r.segment) == (model, task, "all"))


def test_baselines_of_the_session_need_no_model(measured: dict[str, Table]) -> None:
    table = measured["personal"]
    all_of_them, moves = table.judgements
    repeats = 1 - len(moves.questions) / len(all_of_them.questions)
    assert figure(table, LAST_ITEM, "all", "recall@20") == pytest.approx(repeats)
    assert figure(table, LAST_ITEM, "move", "recall@20") == 0
    own = all_of_them.lists[SESSION_ITEMS]
    assert (own[:, 0] == all_of_them.lists[LAST_ITEM][:, 0]).all()
    assert all(len(set(rows[rows >= 0])) == np.count_nonzero(rows >= 0) for rows in own)


def test_what_comes_next_is_found(measured: dict[str, Table]) -> None:
    assert figure(measured["personal"], "endcap", "move", "mrr@20") > 0.4
    assert figure(measured["similar"], "endcap", "item-to-item", "mrr@20") > 0.4
    for table, task in ((measured["personal"], "move"), (measured["similar"], "item-to-item")):
        best, popular = (figure(table, name, task, "mrr@20") for name in ("endcap", "popular all time"))
        assert best > popular
        assert table.cutoff_us == microseconds(CUTOFF)


def test_a_session_of_a_shopper_stays_together_in_the_intervals(measured: dict[str, Table]) -> None:
    row = next(r for r in measured["personal"].rows if (r.task, r.segment) == ("all", "all"))
    assert row.n_shoppers < len(measured["personal"].judgements[0].questions)
