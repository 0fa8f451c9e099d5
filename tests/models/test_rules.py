from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import Catalogue, Item
from models.context import Context, Interactions
from models.history import NOTHING, Summary
from models.placement import Placement
from models.rules import Limit, choose, choose_enough, eligible, limits_of

HERE = Placement("here", "personal", {})
N_ROWS = 12


@st.composite
def limits(draw: st.DrawFn) -> list[Limit]:
    numbers = st.lists(st.integers(-1, 3), min_size=N_ROWS, max_size=N_ROWS)
    return [
        Limit(name, np.array(draw(numbers), np.int32), draw(st.integers(1, 3)))
        for name in draw(st.sampled_from([(), ("first",), ("first", "second"), ("first", "second", "third")]))
    ]


ROWS = st.permutations(range(N_ROWS)).flatmap(
    lambda order: st.integers(0, N_ROWS).map(lambda n: np.array(order[:n], np.int32))
)


def broken(rows: list[int], limit: Limit) -> bool:
    numbers = limit.numbers[rows]
    return any(count > limit.at_most for count in Counter(numbers[numbers >= 0].tolist()).values())


@given(ROWS, st.integers(0, 15), limits())
def test_no_limit_is_ever_broken_and_nothing_is_left_out_without_need(
    rows: np.ndarray, n: int, drawn: list[Limit]
) -> None:
    listed = choose(rows, n, drawn)
    chosen = listed.rows.tolist()
    assert not any(broken(chosen, limit) for limit in drawn)
    assert len(chosen) <= n
    order = rows.tolist()
    assert chosen == [row for row in order if row in chosen], "the order is kept"
    last = len(order) if len(chosen) < n else order.index(chosen[-1]) + 1 if chosen else 0
    for place, row in enumerate(order[:last]):
        if row not in chosen:
            better = [other for other in order[:place] if other in chosen]
            assert any(broken([*better, row], limit) for limit in drawn)
    assert sum(listed.removed.values()) == len(order[:last]) - len([row for row in order[:last] if row in chosen])


@given(ROWS, st.integers(0, 15), limits())
def test_a_list_is_never_short_while_there_are_rows(rows: np.ndarray, n: int, drawn: list[Limit]) -> None:
    found = choose_enough(rows, n, drawn)
    listed = found.rows.tolist()
    assert rows[found.places].tolist() == listed
    assert len(listed) == min(n, len(rows))
    assert len(set(listed)) == len(listed)
    assert set(listed) <= set(rows.tolist())
    strict = choose(rows, n, drawn).rows.tolist()
    assert listed[: len(strict)] == strict, "what keeps every limit stands first"


@given(ROWS, st.integers(0, 15), limits())
def test_a_limit_gives_way_only_when_those_declared_after_it_were_not_enough(
    rows: np.ndarray, n: int, drawn: list[Limit]
) -> None:
    listed = choose_enough(rows, n, drawn).rows.tolist()
    for kept in range(len(drawn), 0, -1):
        if broken(listed, drawn[kept - 1]):
            # Without the limits after it, this one and those before it still left the list short.
            shorter = drawn[:kept]
            assert len(choose_enough_of(rows, n, drawn, shorter)) < min(n, len(rows))


def choose_enough_of(rows: np.ndarray, n: int, drawn: list[Limit], shorter: list[Limit]) -> list[int]:
    """The list when limits gave way down to `shorter` and no further."""
    chosen = choose(rows, n, drawn).rows
    for kept in range(len(drawn) - 1, len(shorter) - 1, -1):
        rest = rows[~np.isin(rows, chosen)]
        chosen = choose(np.concatenate([chosen, rest]), n, drawn[:kept]).rows
    return [int(row) for row in chosen]


def test_the_category_cap_gives_way_before_one_per_title_and_that_before_one_per_group() -> None:
    items = [
        Item("a", title="Milk", category=("x",), group_id="g"),
        Item("same-group", title="Milk 2 l", category=("y",), group_id="g"),
        Item("same-title", title="milk", category=("z",)),
        Item("same-category", title="Bread", category=("x",)),
        Item("free", title="Soap", category=("w",)),
    ]
    catalogue = Catalogue.of(items)
    in_order = limits_of(replace(HERE, max_per_category=1), catalogue)
    assert [limit.name for limit in in_order] == ["one_per_group", "one_per_title", "max_per_category"]
    rows = np.arange(5, dtype=np.int32)
    names = [[items[row].item_id for row in choose_enough(rows, n, in_order).rows.tolist()] for n in (2, 3, 4, 5)]
    assert names[0] == ["a", "free"]
    assert names[1] == ["a", "free", "same-category"]
    assert names[2] == ["a", "free", "same-category", "same-title"]
    assert names[3] == ["a", "free", "same-category", "same-title", "same-group"]


def test_each_limit_says_how_many_it_held_back() -> None:
    numbers = np.array([0, 0, 0, 1], np.int32)
    listed = choose(np.arange(4, dtype=np.int32), 4, [Limit("one_per_title", numbers, 1)])
    assert listed.rows.tolist() == [0, 3]
    assert listed.removed == {"one_per_title": 2}


def test_a_placement_without_limits_takes_the_first() -> None:
    free = replace(HERE, one_per_title=False, one_per_group=False)
    assert limits_of(free, Catalogue.of([Item("a")])) == []
    assert choose(np.array([3, 1, 2], np.int32), 2, []).rows.tolist() == [3, 1]


CATALOGUE = Catalogue.of(
    [
        Item("plain"),
        Item("sold-out", in_stock=False),
        Item("fuel", recommendable=False),
        Item("not-yet", available_from_us=100),
        Item("no-longer", available_until_us=50),
        Item("shirt-s", group_id="shirt"),
        Item("shirt-m", group_id="shirt"),
        Item("shirt-l", group_id="shirt"),
    ]
)


def allowed(context: Context, placement: Placement = HERE) -> set[str]:
    return {CATALOGUE.vocabulary.ids[row] for row in np.flatnonzero(eligible(context, CATALOGUE, placement))}


def bought(*item_ids: str) -> Summary:
    rows = CATALOGUE.vocabulary.rows(item_ids)
    n = len(rows)
    ones = np.ones(n, np.int32)
    times = np.zeros(n, np.int64)
    return replace(NOTHING, owners=ones * 0, items=rows, purchases=ones, counts=ones, first_us=times, last_us=times)


def test_only_what_can_be_bought_now_is_eligible() -> None:
    shirts = {"shirt-s", "shirt-m", "shirt-l"}
    assert allowed(Context(now_us=50)) == {"plain"} | shirts
    assert allowed(Context(now_us=49)) == {"plain", "no-longer"} | shirts
    assert allowed(Context(now_us=100)) == {"plain", "not-yet"} | shirts


def test_what_the_caller_excludes_is_not_eligible() -> None:
    excluded = CATALOGUE.vocabulary.rows(["plain", "shirt-m"])
    assert allowed(Context(now_us=60, excluded=excluded)) == {"shirt-s", "shirt-l"}


def test_an_anchor_and_its_variants_are_not_eligible() -> None:
    assert allowed(Context(now_us=60, anchors=CATALOGUE.vocabulary.rows(["shirt-m"]))) == {"plain"}
    others = allowed(Context(now_us=60, anchors=CATALOGUE.vocabulary.rows(["plain", "sold-out"])))
    assert others == {"shirt-s", "shirt-m", "shirt-l"}, "items without a group are nobody's variants"


def test_what_was_bought_is_kept_masked_or_all_there_is() -> None:
    context = Context(now_us=60, shopper=Interactions(bought("plain", "sold-out", "shirt-s")))
    assert allowed(context) == {"plain", "shirt-s", "shirt-m", "shirt-l"}
    assert allowed(context, replace(HERE, known="mask")) == {"shirt-m", "shirt-l"}
    assert allowed(context, replace(HERE, known="only")) == {"plain", "shirt-s"}


def test_what_was_only_looked_at_is_not_known() -> None:
    looked = replace(bought("plain"), purchases=np.zeros(1, np.int32))
    context = Context(now_us=60, shopper=Interactions(looked))
    assert "plain" in allowed(context, replace(HERE, known="mask"))
    assert allowed(context, replace(HERE, known="only")) == set()
