"""Two models on questions whose winners are known by construction."""

import numpy as np
import pytest

from models.arrays import Int32
from models.vocabulary import Vocabulary
from training.evaluate.asked import Question
from training.evaluate.contrast import Contrast, contrasts, overlap
from training.evaluate.exposure import Demand
from training.evaluate.metrics import Targets
from training.evaluate.side_by_side import GAIN, LOSS, TYPICAL, side_by_side
from training.evaluate.table import ALL, Judgement

METRICS = ("recall@2", "mrr@2")
IDS = ("bread", "milk", "soap", "lamp")
TITLES = {"bread": "Bread", "milk": "Milk", "soap": "Soap"}


def judged(one: list[list[int]], other: list[list[int]], shoppers: list[int] | None = None) -> Judgement:
    """Everybody came for item 0. Shoppers of even numbers are cold."""
    n = len(one)
    owners = np.array(shoppers or range(n), dtype=np.int64)
    rows: dict[str, Int32] = {"one": np.array(one, np.int32), "other": np.array(other, np.int32)}
    return Judgement(
        task="all",
        lists=rows,
        targets=Targets.of(np.arange(n), np.zeros(n, np.int32), np.ones(n), n),
        shoppers=owners,
        n_known=np.where(owners % 2, 50, 1),
        demand=Demand(np.ones(4, np.int64), 4, np.ones(4, np.bool_)),
        questions=[Question(owner, ("milk",)) for owner in owners.tolist()],
        vocabulary=Vocabulary(IDS),
        shopper_keys=[f"u:{number}" for number in range(n)],
    )


HIT, LATE, MISS = [0, 1], [1, 0], [2, 3]


def found(judgement: Judgement, segment: str = ALL, metric: str = "recall@2") -> Contrast:
    every = contrasts(judgement, METRICS, "one", "other", seed=1)
    return next(c for c in every if (c.segment, c.metric) == (segment, metric))


def test_who_gained_and_who_lost_are_counted_with_what_it_was_worth_to_them() -> None:
    contrast = found(judged([HIT, HIT, MISS, HIT], [MISS, LATE, HIT, HIT]), metric="mrr@2")
    assert (contrast.n_shoppers, contrast.gained, contrast.lost) == (4, 0.5, 0.25)
    assert (contrast.mean_gain, contrast.mean_loss) == (0.75, 1.0)
    assert contrast.comparison.difference.value == pytest.approx(contrast.one - contrast.other)


def test_a_shopper_with_several_lists_counts_once() -> None:
    contrast = found(judged([HIT, MISS, HIT], [MISS, HIT, MISS], shoppers=[0, 0, 1]))
    assert (contrast.n_shoppers, contrast.gained, contrast.lost) == (2, 0.5, 0.0)


def test_every_segment_is_tested_apart() -> None:
    judgement = judged([HIT, MISS] * 20, [MISS, HIT] * 20)
    cold, warm, everybody = (found(judgement, segment) for segment in ("cold", "warm", ALL))
    assert (cold.gained, warm.lost) == (1.0, 1.0)
    assert cold.comparison.differs
    assert warm.comparison.differs
    assert not everybody.comparison.differs


def test_the_other_way_round_gains_are_losses() -> None:
    there = found(judged([HIT, HIT, MISS], [MISS, HIT, MISS]))
    back = found(judged([MISS, HIT, MISS], [HIT, HIT, MISS]))
    assert (there.gained, there.lost, there.mean_gain) == (back.lost, back.gained, back.mean_loss)
    assert there.comparison.p_value == back.comparison.p_value


def test_the_same_lists_differ_in_nothing() -> None:
    judgement = judged([HIT, LATE], [HIT, LATE])
    contrast = found(judgement)
    assert (contrast.gained, contrast.lost, contrast.comparison.p_value) == (0.0, 0.0, 1.0)
    assert overlap(judgement, "one", "other").same == 1.0
    assert side_by_side(judgement, "mrr@2", ("one", "other"), TITLES, seed=1) == ()


def test_overlap_is_a_mean_over_the_questions() -> None:
    seen = overlap(judged([HIT, HIT], [HIT, MISS]), "one", "other")
    assert (seen.shared, seen.same) == (0.5, 0.5)
    assert seen.rank_biased == pytest.approx(0.5)


def test_the_greatest_gain_the_greatest_loss_and_a_typical_question_are_shown_in_the_words_of_the_shop() -> None:
    judgement = judged([HIT, HIT, HIT, MISS], [LATE, LATE, MISS, LATE])
    gain, loss, typical = side_by_side(judgement, "mrr@2", ("one", "other"), TITLES, seed=1)
    assert (gain.kind, gain.shopper_key, gain.figures) == (GAIN, "u:2", (1.0, 0.0))
    assert (loss.kind, loss.shopper_key, loss.figures) == (LOSS, "u:3", (0.0, 0.5))
    assert typical.kind == TYPICAL
    assert typical.figures == (1.0, 0.5)
    assert [(shown.title, shown.right) for shown in gain.lists[0]] == [("Bread", True), ("Milk", False)]
    # An item without a title is told by its id alone.
    assert [(shown.item_id, shown.title) for shown in gain.lists[1]] == [("soap", "Soap"), ("lamp", "")]
    assert (gain.anchors, gain.n_known, gain.n_right) == (("Milk",), 1, 1)


def test_examples_are_drawn_by_the_seed() -> None:
    judgement = judged([HIT] * 40, [MISS] * 40)
    drawn = [side_by_side(judgement, "mrr@2", ("one", "other"), TITLES, seed) for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len({example[0].shopper_key for example in drawn}) > 1
