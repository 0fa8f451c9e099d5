"""Of each shopper the last item is asked for, and each fit stops where the protocol says."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from models.errors import InputError
from store.placements import read_placements
from tests.training.evaluate.staged import MEMORY, RECIPE, asked, laid_out, learned_pairs, told
from tests.worlds import NOW, event, event_frame, item, item_frame
from training.evaluate.asked import Asked, Stage
from training.evaluate.leave_one_out import METRICS, TASK, Labels, Setting, leave_one_out, stages
from training.evaluate.lists import ENDCAP, POPULAR_EVER
from training.evaluate.metrics import judge, measure
from training.evaluate.table import Options
from training.files import file_job, items_made_of, read_files
from training.importing.fields import Reading
from training.progress import Steps
from training.ranking import one_per_task
from training.read import ShopData
from training.trial import fit_stages

BEAUTY = Path(__file__).parents[4] / "shared" / "data" / "amazon-beauty"
USUAL = Setting()
PLACEMENTS = {name: one for name, one in read_placements().items() if one.task == TASK}


def shop_of(**items_of: str) -> ShopData:
    """Shoppers and their items in order, a letter each, an hour apart."""
    start = NOW - timedelta(days=30)
    rows = [
        event(f"u:{shopper}", it, start + timedelta(hours=hour))
        for shopper, items in items_of.items()
        for hour, it in enumerate(items)
    ]
    every = sorted({row["item_id"] for row in rows})
    return ShopData(event_frame(rows), item_frame(item(it) for it in every), 0)


def circle_shop(n_items: int = 30, n_shoppers: int = 120) -> ShopData:
    """Everybody takes the next of a circle of items, beginning anywhere: the last item tells what comes next."""
    chance, rows = Random("circle"), []  # noqa: S311 - a shop, not a secret
    for number in range(n_shoppers):
        first, begins = chance.randrange(n_items), NOW - timedelta(days=chance.randrange(10, 300))
        rows += [
            event(f"u:{number}", f"i{(first + step) % n_items:02}", begins + timedelta(hours=step))
            for step in range(chance.randrange(6, 9))
        ]
    return ShopData(event_frame(rows), item_frame(item(f"i{number:02}") for number in range(n_items)), 0)


SHOP = shop_of(a="12345", b="2341", c="312", d="41")


def both(shop: ShopData = SHOP, setting: Setting = USUAL) -> tuple[Stage, Stage]:
    return stages(shop, MEMORY, laid_out, setting)


def pairs(**items_of: str) -> set[tuple[str, str]]:
    return {(f"u:{shopper}", it) for shopper, items in items_of.items() for it in items}


def test_sources_end_with_the_third_last_and_who_asks_has_everything_before_the_last() -> None:
    _, testing = both()
    assert learned_pairs(testing.past) == pairs(a="123", b="23", c="3")
    assert told(testing, TASK) == [
        ("u:a", ("1", "2", "3", "4"), ("5",)),
        ("u:b", ("2", "3", "4"), ("1",)),
        ("u:c", ("3", "1"), ("2",)),
        ("u:d", ("4",), ("1",)),
    ]


def test_rankings_learn_from_the_third_last_with_sources_that_end_before_it() -> None:
    learning, _ = both()
    assert learned_pairs(learning.past) == pairs(a="12", b="2")
    assert told(learning, TASK) == [("u:a", ("1", "2"), ("3",)), ("u:b", ("2",), ("3",))]


def test_labels_of_the_validation_item_and_a_refit_are_other_protocols_and_named_so() -> None:
    learning, testing = both(setting=Setting(labels="validation", refit=True))
    assert learned_pairs(learning.past) == pairs(a="123", b="23", c="3")
    assert told(learning, TASK)[0] == ("u:a", ("1", "2", "3"), ("4",))
    assert learned_pairs(testing.past) == pairs(a="1234", b="234", c="31", d="4")
    assert USUAL.name == "leave-one-out"
    assert Setting("validation").name == "leave-one-out (ranker labels: validation)"
    assert Setting(refit=True).name == "leave-one-out (sources see the validation item)"


@pytest.mark.parametrize(("labels", "refit"), [("third-last", False), ("validation", False), ("third-last", True)])
def test_the_item_to_find_reaches_no_fit_and_no_history(labels: Labels, refit: bool) -> None:  # noqa: FBT001 - a case
    setting = Setting(labels, refit)
    planted = shop_of(a="1234x", b="234x", c="31x", d="4x")
    for plain, leaky in zip(both(setting=setting), both(planted, setting), strict=True):
        assert learned_pairs(plain.past) == learned_pairs(leaky.past)
        for before, after in zip(told(plain, TASK), told(leaky, TASK), strict=True):
            assert before[:2] == after[:2]


def test_a_fit_that_did_see_the_item_to_find_would_be_caught_so() -> None:
    _, honest = both()
    _, refitted = both(setting=Setting(refit=True))
    held_out = {("u:a", "4"), ("u:b", "4"), ("u:c", "1"), ("u:d", "4")}
    assert not held_out & learned_pairs(honest.past)
    assert held_out <= learned_pairs(refitted.past)


def test_times_count_only_as_the_order_within_a_shopper() -> None:
    years = pl.duration(days=1) * (pl.col("shopper").rank("dense") * 1_000)
    stretched = pl.col("ts").dt.epoch("s") * 2 - pl.col("ts").min().dt.epoch("s")
    moved = (pl.from_epoch(stretched).dt.replace_time_zone("UTC").dt.cast_time_unit("us") - years).alias("ts")
    elsewhen = replace(SHOP, events=SHOP.events.with_columns(moved))
    for plain, other in zip(both(), both(elsewhen), strict=True):
        assert plain.past.timeless
        assert (plain.past.summary.decayed == other.past.summary.decayed).all()
        assert (plain.past.events.ts_us == other.past.events.ts_us).all()
        assert (asked(plain, TASK).histories.summary.decayed == asked(other, TASK).histories.summary.decayed).all()


def test_an_item_counts_once_where_it_first_came() -> None:
    _, testing = both(shop_of(a="123443212", b="1234"))
    assert told(testing, TASK)[0] == ("u:a", ("1", "2", "3"), ("4",))


def test_what_was_taken_back_was_never_had() -> None:
    events = SHOP.events.vstack(event_frame([event("u:a", "5", NOW, "refund", order_id=None)]))
    _, testing = both(replace(SHOP, events=events.sort("shopper", "ts", maintain_order=True)))
    assert told(testing, TASK)[0] == ("u:a", ("1", "2", "3"), ("4",))


def test_shoppers_with_too_few_items_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="no shopper has the 4 different items that leave-one-out needs"):
        both(shop_of(a="12", b="1"))


@pytest.mark.slow
def test_nothing_that_the_shopper_has_is_listed_and_the_next_of_the_circle_is_found() -> None:
    shop = circle_shop()
    learning, testing = both(shop)
    snapshot = fit_stages([learning], testing, RECIPE, PLACEMENTS, Steps())
    table = leave_one_out(snapshot, testing, one_per_task(PLACEMENTS), Options(1), USUAL)
    (judgement,) = table.judgements
    histories = asked(testing, TASK).histories
    for name, lists in judgement.lists.items():
        for number, rows in enumerate(lists):
            assert not set(rows[rows >= 0].tolist()) & set(
                snapshot.vocabulary.rows(histories.history(number).past.item_ids).tolist()
            ), name
    figures = {row.model: row.metrics["ndcg@10"].value for row in table.rows if row.segment == "all"}
    assert figures[ENDCAP] > max(0.6, 2 * figures[POPULAR_EVER])
    assert table.cutoff_us is None


@pytest.mark.skipif(not BEAUTY.exists(), reason="needs the shared data")
@pytest.mark.slow
def test_the_next_ids_are_no_better_than_chance_where_ids_were_permuted() -> None:
    found = _beauty()
    ids = sorted(found.vocabulary.ids)
    place_of = {item_id: place for place, item_id in enumerate(ids)}
    lists = np.empty((len(found.questions), 10), dtype=np.int32)
    for number in range(len(lists)):
        past = found.histories.history(number).past
        last = place_of[past.item_ids[int(np.argmax(past.rows.last_us))]]
        lists[number] = found.vocabulary.rows([ids[(last + step) % len(ids)] for step in range(1, 11)])
    chance = 10 / len(ids)
    recall = measure(judge(lists, found.targets), ("recall@10",)).mean()
    assert len(lists) == 22_363
    assert recall < 3 * chance, METRICS


def _beauty() -> Asked:
    events = file_job("events", BEAUTY / "events.parquet", Reading())
    (shop,) = read_files([events], None, now_us=2**62).shops
    assert shop.items.equals(items_made_of(shop.events))
    return asked(both(shop)[1], TASK)
