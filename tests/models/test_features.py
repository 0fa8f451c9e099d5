"""What a ranker looks at: named, the same in training and serving, and of one candidate whoever the others are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import DAY_US, Float32, Int32
from models.candidates import Candidates
from models.context import Context, Interactions, build_context
from models.events import PURCHASE
from models.facts import GAP, PRICE, Facts
from models.features import Features
from models.history import Events, History, Past, Recent, summarise
from models.vocabulary import Vocabulary
from tests.worlds import MEMORY, NOW, microseconds

NOW_US: Final = microseconds(NOW)
N_ITEMS = 8
IDS = tuple(f"i{number}" for number in range(N_ITEMS))
VOCABULARY = Vocabulary(IDS)
COLUMNS = ("als", "popular", "als@recent")
PRICES = np.array([1, 2, 4, 8, 16, 32, np.nan, 128], np.float32)
FACTS = Facts(
    names=("shoppers ever", PRICE, GAP),
    numbers=np.append(
        np.stack([np.arange(N_ITEMS), np.log(PRICES), np.full(N_ITEMS, 10.0)], axis=1), np.full((1, 3), np.nan), axis=0
    ).astype(np.float32),
    group_names=("category 1", "brand"),
    # The even rows are of category 0, the odd ones of 1; row 0 and 1 are of a brand, 2, and the others of none.
    groups=np.array([[row % 2, 2 if row < 2 else -1] for row in range(N_ITEMS)] + [[-1, -1]], np.int32),
)
FEATURES = Features(COLUMNS, FACTS)
# What depends on the other candidates: places among them, by name.
AMONG_OTHERS = ("rank in",)


def history_of(steps: Sequence[tuple[int, float]], *, cut_us: int = 0) -> History:
    """Purchases as (item, days before NOW): a past until the cut, and the events since."""
    ordered = sorted(steps, key=lambda step: -step[1])
    n = len(ordered)
    events = Events(
        owners=np.zeros(n, np.int32),
        items=np.array([item for item, _ in ordered], np.int32),
        types=np.full(n, PURCHASE, np.uint8),
        ts_us=np.array([NOW_US - round(days * DAY_US) for _, days in ordered], np.int64),
        prices=np.full(n, np.nan, np.float32),
        orders=np.full(n, -1, np.int32),
    )
    before, since = events.where(events.ts_us <= cut_us), events.where(events.ts_us > cut_us)
    summary = summarise(before, cut_us, MEMORY)
    past = Past(cut_us, tuple(IDS[item] for item in summary.items), summary)
    return History(past, Recent(tuple(IDS[item] for item in since.items), since))


def context_of(steps: Sequence[tuple[int, float]] = (), anchors: Sequence[int] = (), *, cut_us: int = 0) -> Context:
    ids = [IDS[row] for row in anchors]
    history = history_of(steps, cut_us=cut_us)
    return build_context(VOCABULARY, MEMORY, now_us=NOW_US, history=history, anchor_ids=ids)


def candidates_of(rows: Sequence[int], sources: tuple[str, ...] = COLUMNS, seed: int = 3) -> Candidates:
    """Candidates whose scores are the same whoever else is asked for: by row and column."""
    drawn = np.random.default_rng(seed).normal(size=(64, len(COLUMNS))).astype(np.float32)
    drawn[::5, 0] = np.nan
    scores = drawn[np.array(rows, np.int64)][:, [COLUMNS.index(name) for name in sources]]
    return Candidates(np.array(rows, np.int32), scores, ~np.isnan(scores), sources)


def odds_of(rows: Sequence[int] | Int32) -> Float32:
    return np.asarray(rows, np.float32) * np.float32(-0.2)


def table(features: Features, context: Context, candidates: Candidates) -> dict[str, list[float]]:
    """Features by name, a list of one number per candidate."""
    found = features.of(context, candidates, odds_of(candidates.rows))
    return {name: column.tolist() for name, column in zip(features.names, found.T, strict=True)}


HISTORIES = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 90).map(float)), max_size=20)
ROWS = st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True)


@given(HISTORIES, ROWS, st.lists(st.integers(0, 7), max_size=3, unique=True))
def test_every_column_has_a_name_and_every_candidate_a_row(
    steps: list[tuple[int, float]], rows: list[int], anchors: list[int]
) -> None:
    features = FEATURES
    found = features.of(context_of(steps, anchors), candidates_of(rows), odds_of(rows))
    assert found.shape == (len(rows), len(features.names))
    assert found.dtype == np.float32
    assert len(set(features.names)) == len(features.names)
    assert not np.isinf(found).any()


@given(HISTORIES, ROWS, st.lists(st.integers(0, 7), max_size=3, unique=True), st.data())
def test_what_is_said_of_a_candidate_does_not_depend_on_the_others_but_for_its_rank_among_them(
    steps: list[tuple[int, float]], rows: list[int], anchors: list[int], data: st.DataObject
) -> None:
    kept = np.array(data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True)), np.int64)
    context, all_of_them = context_of(steps, anchors), candidates_of(rows)
    whole = FEATURES.of(context, all_of_them, odds_of(rows))[kept]
    alone = FEATURES.of(context_of(steps, anchors), all_of_them.where(kept), odds_of(all_of_them.rows[kept]))
    same = [not name.startswith(AMONG_OTHERS) for name in FEATURES.names]
    np.testing.assert_array_equal(whole[:, same], alone[:, same])


@given(HISTORIES, st.integers(0, 91), st.lists(st.integers(0, 7), max_size=2, unique=True))
def test_a_stored_past_and_the_events_since_give_the_features_of_the_whole_history(
    steps: list[tuple[int, float]], cut_days: int, anchors: list[int]
) -> None:
    """Training sees whole histories, serving a past and what came after it."""
    candidates = candidates_of(range(11))
    served = FEATURES.of(
        context_of(steps, anchors, cut_us=NOW_US - cut_days * DAY_US), candidates, odds_of(candidates.rows)
    )
    trained = FEATURES.of(context_of(steps, anchors), candidates, odds_of(candidates.rows))
    np.testing.assert_allclose(served, trained, rtol=2e-5, atol=1e-6)


@given(ROWS)
def test_a_rank_is_the_place_among_those_that_have_a_score(rows: list[int]) -> None:
    candidates = candidates_of(rows)
    found = table(FEATURES, Context(NOW_US), candidates)
    for column in COLUMNS:
        scores = candidates.column(column)
        known = ~np.isnan(scores)
        ranks = np.expm1(found[f"rank in {column}"])
        assert np.isnan(ranks[~known]).all()
        np.testing.assert_allclose(ranks[known], [(scores[known] > score).sum() for score in scores[known]], atol=1e-4)
    np.testing.assert_allclose(np.expm1(found["rank in blend"]), np.argsort(np.argsort(rows)), atol=1e-4)


def test_a_column_that_a_placement_does_not_ask_is_unknown_and_one_that_the_ranker_does_not_know_is_ignored() -> None:
    rows = [1, 2, 3]
    every = table(FEATURES, context_of([(2, 3)]), candidates_of(rows))
    fewer = candidates_of(rows, ("popular",))
    wider = replace(fewer, sources=("popular@last",))
    for asked in (fewer, wider):
        found = table(FEATURES, context_of([(2, 3)]), asked)
        gone = [column for column in COLUMNS if column not in asked.sources]
        for column in gone:
            assert np.isnan([found[f"score of {column}"], found[f"rank in {column}"]]).all()
        others = [
            name
            for name in FEATURES.names
            if name not in {"proposed by", *(f"{what} {column}" for what in ("score of", "rank in") for column in gone)}
        ]
        for name in others:
            np.testing.assert_array_equal(found[name], every[name], err_msg=name)
        assert set(found["proposed by"]) == {1.0}


def test_what_a_shopper_did_with_a_candidate_is_told_by_name() -> None:
    found = table(FEATURES, context_of([(2, 30), (2, 20), (2, 5), (3, 1), (4, 1)]), candidates_of([2, 3, 5]))
    assert np.expm1(found["own events"][:2]) == pytest.approx([3, 1])
    assert np.expm1(found["own purchases"][:2]) == pytest.approx([3, 1])
    assert np.expm1(found["own days since purchase"][:2]) == pytest.approx([5, 1], rel=1e-3)
    # Bought every 12.5 days, and once; all items are bought again after 10 days.
    assert np.expm1(found["own gaps since purchase"][:2]) == pytest.approx([5 / 12.5, 1 / 10], rel=1e-3)
    assert np.expm1(found["own steps back"][:2]) == pytest.approx([1, 0])
    for name in FEATURES.names:
        if name.startswith("own "):
            assert np.isnan(found[name][2]), name


def test_shares_say_how_much_of_what_a_shopper_likes_is_of_the_candidates_group() -> None:
    found = table(FEATURES, context_of([(0, 1), (2, 1), (4, 1), (3, 1)]), candidates_of([6, 7, 1, 9]))
    assert found["share of category 1"][:3] == pytest.approx([0.75, 0.25, 0.25])
    assert found["share of brand"][2] == pytest.approx(0.25)
    assert np.isnan(found["share of brand"][0]), "of no brand at all"
    assert np.isnan(found["share of category 1"][3]), "came later than the bundle"


def test_the_last_step_weighs_half_again_in_recent_shares() -> None:
    found = table(FEATURES, context_of([(0, 1), (3, 5)]), candidates_of([2, 5]))
    assert found["recent share of category 1"] == pytest.approx([2 / 3, 1 / 3])


def test_prices_are_held_against_what_the_shopper_usually_pays_and_what_the_page_shows() -> None:
    # Bought for 2 and 8, the same day: usually 4.
    found = table(FEATURES, context_of([(1, 3), (3, 3)], [4]), candidates_of([2, 5, 6]))
    assert found["price to usual"][:2] == pytest.approx([0, np.log(32 / 4)], abs=1e-5)
    assert found["price to asked about"][:2] == pytest.approx([np.log(4 / 16), np.log(32 / 16)], abs=1e-5)
    assert np.isnan([found["price to usual"][2], found["price to asked about"][2]]).all(), "its price is not known"
    assert set(found["asked about"]) == {1.0}
    assert found["asked about category 1"][:2] == [1.0, 0.0]


def test_of_nobody_nothing_is_known_and_nothing_breaks() -> None:
    found = table(FEATURES, Context(NOW_US), candidates_of([0, 1]))
    for name, values in found.items():
        if name.startswith(("own ", "share of", "recent share", "asked about ", "price to")):
            assert np.isnan(values).all(), name
    assert found["shopper items"] == [0.0, 0.0]
    assert np.isnan(found["shopper days since"]).all()


def test_an_item_that_came_after_the_bundle_has_no_facts() -> None:
    found = table(FEATURES, context_of([(1, 3)], [2]), candidates_of([N_ITEMS, N_ITEMS + 3]))
    for name in (*FACTS.names, "share of category 1", "asked about brand", "price to usual"):
        assert np.isnan(found[name]).all(), name
    assert not np.isnan(found["score of popular"]).any()


def test_a_shopper_who_has_an_item_that_came_after_the_bundle_is_no_trouble() -> None:
    shopper = context_of([(0, 5), (1, 9)])
    newer = replace(shopper.interactions, items=np.array([0, N_ITEMS + 40], np.int32))
    found = table(FEATURES, replace(shopper, shopper=Interactions(newer)), candidates_of([0, 3, N_ITEMS + 1]))
    assert np.expm1(found["own events"][0]) == pytest.approx(1)
    assert np.isnan(found["own events"][1:]).all()
    assert found["share of category 1"][0] > 0


def test_a_task_learned_from_pages_alone_looks_at_no_shopper() -> None:
    features = replace(FEATURES, of_shopper=False)
    candidates = candidates_of(range(8))
    of_nobody = features.of(context_of((), [3]), candidates, odds_of(candidates.rows))
    of_somebody = features.of(context_of([(1, 3), (2, 50), (3, 1)], [3]), candidates, odds_of(candidates.rows))
    np.testing.assert_array_equal(of_nobody, of_somebody)
    plain = FEATURES.of(context_of([(1, 3), (2, 50), (3, 1)], [3]), candidates, odds_of(candidates.rows))
    assert not np.array_equal(of_somebody, plain, equal_nan=True)


def test_no_candidates_have_no_features() -> None:
    nothing = candidates_of([])
    assert FEATURES.of(context_of([(1, 3)]), nothing, odds_of(nothing.rows)).shape == (0, len(FEATURES.names))


def test_what_is_worked_out_for_one_shopper_serves_the_next_question_unchanged() -> None:
    context, candidates = context_of([(1, 3), (2, 8)], [4]), candidates_of(range(8))
    first = FEATURES.of(context, candidates, odds_of(candidates.rows))
    other_page = replace(context, anchors=np.array([5], np.int32))
    FEATURES.of(other_page, candidates, odds_of(candidates.rows))
    np.testing.assert_array_equal(first, FEATURES.of(context, candidates, odds_of(candidates.rows)))
    fresh = context_of([(1, 3), (2, 8)], [5])
    np.testing.assert_array_equal(
        FEATURES.of(other_page, candidates, odds_of(candidates.rows)),
        FEATURES.of(fresh, candidates, odds_of(candidates.rows)),
    )


def test_candidates_without_some_columns_are_what_the_other_columns_propose() -> None:
    candidates = candidates_of([0, 1, 2, 5])
    proposed = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], np.bool_)
    fewer = replace(candidates, proposed=proposed).without(np.array([False, True, False]))
    assert fewer.rows.tolist() == [0, 2, 5]
    assert np.isnan(fewer.column("popular")).all()
    np.testing.assert_array_equal(fewer.column("als@recent"), candidates.column("als@recent")[[0, 2, 3]])
    assert not len(candidates.without(np.ones(3, np.bool_)))
