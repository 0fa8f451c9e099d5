"""Two files: what a shopper has in the first is masked, and what is new in the second is to be found."""

from datetime import timedelta

import polars as pl
import pytest

from models.errors import InputError
from tests.training.evaluate.staged import MEMORY, asked, laid_out, learned_pairs, told
from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.evaluate.asked import Stage
from training.evaluate.fixed_split import TASK, stages
from training.read import ShopData


def shop_of(hours: int = 0, **items_of: str) -> ShopData:
    start = NOW - timedelta(days=30) + timedelta(hours=hours)
    rows = [
        event(f"u:{shopper}", it, start + timedelta(hours=hour))
        for shopper, items in items_of.items()
        for hour, it in enumerate(items)
    ]
    return ShopData(event_frame(rows), item_frame(item(it) for it in "0123456789"), 0)


TRAIN = shop_of(a="12345", b="23456", c="7")


def both(test: ShopData, train: ShopData = TRAIN, seed: int = 1) -> tuple[Stage, Stage]:
    return stages(train, test, MEMORY, laid_out, microseconds(NOW), seed)


def test_what_a_shopper_does_not_have_is_to_be_found_by_every_shopper_of_the_test() -> None:
    _, testing = both(shop_of(a="1567", b="23", stranger="9"))
    assert told(testing, TASK) == [("u:a", ("1", "2", "3", "4", "5"), ("6", "7")), ("u:stranger", (), ("9",))]
    assert all(question.only_fresh for question in asked(testing, TASK).questions)
    assert learned_pairs(testing.past) == {
        (f"u:{s}", it) for s, ids in (("a", "12345"), ("b", "23456"), ("c", "7")) for it in ids
    }


@pytest.mark.parametrize("hours", [0, 1_000])
def test_rankings_learn_from_a_part_of_the_first_file_that_their_sources_do_not_see(hours: int) -> None:
    learning, testing = both(shop_of(-hours, a="67", b="78"))
    held = {(shopper, it) for shopper, _, right in told(learning, TASK) for it in right}
    assert held
    assert held | learned_pairs(learning.past) == learned_pairs(testing.past)
    assert not held & learned_pairs(learning.past)
    assert {shopper for shopper, _, _ in told(learning, TASK)} == {"u:a", "u:b"}, "who has one item keeps it"


def test_the_newest_are_held_back_where_the_test_is_newer_and_any_where_it_is_not() -> None:
    newer, _ = both(shop_of(100, a="67", b="78"))
    assert [right for _, _, right in told(newer, TASK)] == [("5",), ("6",)]
    drawn = {tuple(right for _, _, right in told(both(shop_of(a="67", b="78"), seed=s)[0], TASK)) for s in range(8)}
    assert len(drawn) > 2


def test_what_the_second_file_holds_reaches_no_fit() -> None:
    plain, planted = both(shop_of(100, a="67")), both(shop_of(100, a="89"))
    for one, other in zip(plain, planted, strict=True):
        assert learned_pairs(one.past) == learned_pairs(other.past)
    assert told(plain[0], TASK) == told(planted[0], TASK)


def test_nothing_to_find_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="not among theirs in --train"):
        both(shop_of(a="12"))
    fuel = TRAIN.items.with_columns(recommendable=pl.col("item_id") != "9")
    with pytest.raises(InputError, match="can be recommended"):
        both(shop_of(a="9"), ShopData(TRAIN.events, fuel, 0))
    with pytest.raises(InputError, match="no shopper of --train has two items"):
        both(shop_of(a="9"), shop_of(a="1", b="2"))
