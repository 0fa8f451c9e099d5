"""Trees learn what is right of features; the network that serves learns what the trees say."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.arrays import Float32, Int32
from models.candidates import Candidates
from models.context import Context
from models.facts import GAP, PRICE, Facts
from models.features import Features
from models.learned import LearnedRanker
from models.rank import Blend, LogisticSum
from training.examples import Answered
from training.rank.distil import distil
from training.rank.examples import Lesson, RankExamples, rank_examples
from training.rank.fit import FittedRanker, fit_ranker, in_blocks, is_better
from training.rank.trees import Binned, fit_trees
from training.ranker_settings import RankerSettings

NAMES = ("signal", "noise", "constant", "never known", "half known")
SETTINGS = RankerSettings(min_right=1, trees=40, leaves=8, min_examples=20, hidden=(16, 8), epochs=6, n_best=3)
N = 6_000


def likely(features: Float32) -> Float32:
    """The true log-odds: a step and a slope of the first feature, and a little of the last, where it is known."""
    signal, half = features[:, 0], np.nan_to_num(features[:, 4])
    odds: Float32 = -2 + 3 * (signal > 0.5) + signal + half
    return odds


def ten_each(n: int) -> Int32:
    """Requests of ten candidates each."""
    return np.arange(n, dtype=np.int32) // 10


def examples(seed: int = 1, n: int = N, weights: Float32 | None = None) -> RankExamples:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    features[:, 2], features[:, 3] = 7, np.nan
    features[rng.random(n) < 0.5, 4] = np.nan
    labels = rng.random(n) < 1 / (1 + np.exp(-likely(features)))
    return RankExamples(NAMES, features, labels, np.ones(n, np.float32) if weights is None else weights, ten_each(n))


def agreement(one: Float32, other: Float32) -> float:
    """Spearman's rank correlation."""
    ranks = [np.argsort(np.argsort(scores)) for scores in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


@pytest.fixture(scope="module")
def taught() -> RankExamples:
    return examples()


def test_trees_learn_what_is_right_and_say_by_name_what_they_learned_it_from(taught: RankExamples) -> None:
    trees = fit_trees(Binned.of(taught, SETTINGS, 1), SETTINGS, 1)
    unseen = examples(seed=2)
    assert agreement(trees(unseen.features), likely(unseen.features)) > 0.9
    gains = trees.gains
    assert tuple(gains) == NAMES
    assert gains["signal"] > gains["half known"] > gains["noise"] >= 0
    assert gains["constant"] == gains["never known"] == 0
    assert "tree" in trees.text


def test_a_network_orders_as_its_trees_do_also_what_it_never_saw(taught: RankExamples) -> None:
    trees = fit_trees(Binned.of(taught, SETTINGS, 1), SETTINGS, 1)
    network = distil(taught, trees(taught.features), SETTINGS, seed=1)
    unseen = examples(seed=2)
    assert agreement(network(unseen.features), trees(unseen.features)) > 0.9
    assert agreement(network(unseen.features), likely(unseen.features)) > 0.9


def test_what_was_always_known_says_nothing_where_it_is_not(taught: RankExamples) -> None:
    network = distil(taught, likely(taught.features), SETTINGS, seed=1)
    usual = taught.features[:1].copy()
    usual[0, 1] = network.means[1]
    unknown = usual.copy()
    unknown[0, 1] = np.nan
    assert network(usual)[0] == pytest.approx(network(unknown)[0], abs=1e-5)


def test_a_network_gives_the_probabilities_of_its_teacher(taught: RankExamples) -> None:
    wanted = likely(taught.features)
    network = distil(taught, wanted, SETTINGS.model_copy(update={"epochs": 12}), seed=1)
    chances = [1 / (1 + np.exp(-odds)) for odds in (network(taught.features), wanted)]
    assert np.abs(chances[0] - chances[1]).mean() < 0.06
    assert abs(chances[0].mean() - chances[1].mean()) < 0.02


def test_the_same_examples_and_seed_give_the_same_bytes(taught: RankExamples) -> None:
    one, other = (fitted_on(taught) for _ in range(2))
    assert one.trees.text == other.trees.text
    np.testing.assert_array_equal(one.ranker.form(taught.features), other.ranker.form(taught.features))
    assert (one.ranker.slope, one.ranker.bias) == (other.ranker.slope, other.ranker.bias)


FACTS = Facts((PRICE, GAP), np.zeros((9, 2), np.float32), (), np.zeros((9, 0), np.int32))
BLEND = Blend(LogisticSum(-3.0, {}), LogisticSum(-3.0, {}))


def features_of(columns: tuple[str, ...] = ("als", "popular")) -> Features:
    return Features(columns, FACTS)


def fit(taught: RankExamples, earlier: LearnedRanker | None = None) -> FittedRanker | None:
    return fit_ranker(taught, BLEND, features_of(), SETTINGS, 1, earlier)


def fitted_on(taught: RankExamples, earlier: LearnedRanker | None = None) -> FittedRanker:
    fitted = fit(taught, earlier)
    assert fitted is not None
    return fitted


def chances_of(ranker: LearnedRanker, features: Float32) -> Float32:
    chances: Float32 = 1 / (1 + np.exp(-(ranker.slope * ranker.form(features) + ranker.bias)))
    return chances


def test_what_serves_gives_probabilities_that_can_be_believed(taught: RankExamples) -> None:
    fitted, unseen = fitted_on(taught), examples(seed=2)
    chances = chances_of(fitted.ranker, unseen.features)
    assert abs(chances.mean() - unseen.labels.mean()) < 0.03
    top = chances >= np.quantile(chances, 0.8)
    assert abs(chances[top].mean() - unseen.labels[top].mean()) < 0.05
    assert (fitted.n_examples, fitted.n_right) == (N, int(taught.labels.sum()))
    assert fitted.ranker.n_best == SETTINGS.n_best
    assert fitted.calibration_error is None


def test_reliability_is_measured_of_the_ranker_of_a_stage_before_if_it_looked_at_the_same_features() -> None:
    columns = features_of()
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2_000, len(columns.names))).astype(np.float32)
    chance = 1 / (1 + np.exp(-features[:, 0] * 2))
    earlier, later = (
        RankExamples(columns.names, features, rng.random(2_000) < chance, np.ones(2_000, np.float32), ten_each(2_000))
        for _ in range(2)
    )
    before = fitted_on(earlier).ranker
    error = fitted_on(later, before).calibration_error
    assert error is not None
    assert error < 0.1
    upside_down = RankExamples(columns.names, features, ~later.labels, later.weights, later.requests)
    assert (fitted_on(upside_down, before).calibration_error or 0) > 0.2
    # Of several stages on the newest alone: from the others it has learned itself.
    is_new = np.arange(2_000) >= 1_000
    newest = replace(later, labels=np.where(is_new, ~later.labels, later.labels), newest=1_000)
    assert (fitted_on(newest, before).calibration_error or 0) > 0.2
    assert (fitted_on(replace(newest, labels=~newest.labels), before).calibration_error or 1) < 0.1
    other = LearnedRanker(BLEND, features_of(("als",)), before.form, 3)
    assert fitted_on(later, other).calibration_error is None


# A ranker serves only where it is worth something.

ODD: dict[str, Callable[[RankExamples], RankExamples]] = {
    "right is a matter of chance": lambda one: replace(one, labels=np.random.default_rng(8).random(N) < 0.2),
    "all are right": lambda one: replace(one, labels=np.ones(N, np.bool_)),
    "one is right, in a request that is learned from": lambda one: replace(one, labels=np.arange(N) == 13),
    "one is right, in a request that is held back": lambda one: replace(one, labels=np.arange(N) == 3),
    "nothing is known of anything": lambda one: replace(one, features=np.full_like(one.features, np.nan)),
    "all features are constant": lambda one: replace(one, features=np.ones_like(one.features)),
    "there is one request": lambda one: replace(one, requests=np.zeros(N, np.int32)),
    "there is one small request": lambda one: RankExamples(
        one.names, one.features[10:20], one.labels[10:20], one.weights[10:20], np.ones(10, np.int32)
    ),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_where_there_is_nothing_to_learn_the_blend_keeps_its_place(
    change: Callable[[RankExamples], RankExamples], taught: RankExamples
) -> None:
    assert fit(change(taught)) is None


def test_a_ranker_that_only_repeats_the_blend_is_none(taught: RankExamples) -> None:
    """The blend already knows all that there is: each request's candidates lie in the order of the true odds."""
    order = np.lexsort((-likely(taught.features), taught.requests))
    known = RankExamples(
        NAMES, taught.features[order], taught.labels[order], taught.weights[order], taught.requests[order]
    )
    assert not is_better(known, likely(known.features))
    assert fit(known) is None


def test_better_is_what_puts_right_answers_higher_in_most_requests(taught: RankExamples) -> None:
    right_first, wrong_first = np.where(taught.labels, 1, -1).astype(np.float32), np.where(taught.labels, -1, 1)
    assert is_better(taught, right_first)
    assert not is_better(taught, wrong_first.astype(np.float32))
    assert not is_better(taught, np.zeros(N, np.float32)), "the blend's own order"
    assert not is_better(replace(taught, labels=np.zeros(N, np.bool_)), right_first)


def test_under_revenue_better_is_what_puts_the_dear_right_answers_higher() -> None:
    """Two of ten are right, the cheap one first; whoever turns both over gains by worth and nothing by number."""
    labels = np.tile(np.arange(10) < 2, 40)
    dear_first = np.tile(np.array([1, 2, *[0] * 8], np.float32), 40)
    weights = np.tile(np.array([0.1, 1.9, *[1] * 8], np.float32), 40)
    taught = RankExamples(("a",), np.zeros((400, 1), np.float32), labels, np.ones(400, np.float32), ten_each(400))
    assert not is_better(taught, dear_first)
    assert is_better(replace(taught, weights=weights), dear_first)


def test_a_network_of_features_of_which_none_is_known_gives_the_usual_rate() -> None:
    taught = examples(n=500)
    blank = replace(taught, features=np.full_like(taught.features, np.nan))
    trees = fit_trees(Binned.of(blank, SETTINGS, 1), SETTINGS, 1)
    odds = distil(blank, trees(blank.features), SETTINGS, seed=1)(blank.features)
    assert np.ptp(odds) == 0
    assert 1 / (1 + np.exp(-odds[0])) == pytest.approx(taught.labels.mean(), abs=0.03)


def test_many_examples_are_scored_a_few_at_a_time_so_that_memory_is_that_of_the_few() -> None:
    lengths = []

    def first_of(features: Float32) -> Float32:
        lengths.append(len(features))
        return features[:, 0]

    for n in (0, 1, 2_000, 6_001):
        features = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        np.testing.assert_array_equal(in_blocks(first_of, features), features[:, 0])
    assert sum(lengths) == 1 + 2_000 + 6_001
    assert max(lengths) == 2_000


# From questions to examples.


def question(n: int, *, right: Callable[[int], bool], worth: float = 0.0, first: int = 0) -> Answered:
    """n candidates, row by row; of two sources, the first scores all of them, the second each other one."""
    rows = np.arange(first, first + n, dtype=np.int32)
    scores = np.stack([-rows.astype(np.float32), np.where(rows % 2, np.nan, rows).astype(np.float32)], axis=1)
    labels = np.array([right(row) for row in rows.tolist()], np.bool_)
    values = np.where(labels, np.float32(worth), np.float32(0))
    return Answered(Context(0), Candidates(rows, scores, ~np.isnan(scores), ("als", "popular")), labels, values)


def made_of(asked: list[Answered], **settings: object) -> RankExamples:
    chosen = SETTINGS.model_copy(update={"missing_sources": 0.0, **settings})
    return rank_examples([Lesson(asked, len(asked), features_of())], BLEND, chosen, seed=1)


def test_examples_are_the_best_candidates_of_each_request_and_right_as_they_were() -> None:
    found = made_of(
        [question(8, right=lambda row: row == 2), question(2, right=lambda _: True), question(0, right=bool)]
    )
    assert found.features.shape == (3 + 2, len(features_of().names))
    assert found.names == features_of().names
    assert found.n_right == int(found.labels.sum())
    assert found.labels[3:].all()
    assert (found.weights == 1).all()


def test_some_requests_lack_columns_and_then_what_only_those_proposed() -> None:
    asked = [question(8, right=lambda row: row == 2) for _ in range(200)]
    whole, partly = made_of(asked, n_best=8), made_of(asked, n_best=8, missing_sources=1.0)
    by_name = {name: partly.features[:, column] for column, name in enumerate(partly.names)}
    assert not np.isnan(whole.features[:, whole.names.index("score of als")]).any()
    lacking = np.isnan(by_name["score of als"])
    assert 0.1 < lacking.mean() < 0.4, "about a quarter of the requests lack each column"
    assert not np.isnan(by_name["score of popular"][lacking]).any(), "who proposed it is known by its score"
    assert len(partly.labels) < len(whole.labels)
    np.testing.assert_array_equal(partly.features, made_of(asked, n_best=8, missing_sources=1.0).features)


def test_under_the_objective_revenue_a_right_answer_counts_for_its_price_within_reason() -> None:
    asked = [
        question(3, right=lambda row: row == 0, worth=10.0),
        question(3, right=lambda row: row == 1, worth=30.0),
        question(3, right=lambda row: row == 1, worth=0.0),
    ]
    assert (made_of(asked).weights == 1).all()
    found = made_of(asked, objective="revenue")
    assert sorted(found.weights[found.labels].tolist()) == pytest.approx([0.1, 0.5, 1.5])
    assert (found.weights[~found.labels] == 1).all()
    sofa = [*([question(3, right=lambda row: row == 0, worth=1.0)] * 99), question(3, right=bool, worth=1e6)]
    assert made_of(sofa, objective="revenue").weights.max() == 10


def test_without_prices_revenue_is_a_purchase() -> None:
    assert (made_of([question(3, right=lambda row: row == 0)], objective="revenue").weights == 1).all()


def test_examples_of_several_stages_lie_one_after_another_the_newest_last() -> None:
    earlier, newest = [question(3, right=bool)], [question(2, right=lambda _: False), question(0, right=bool)]
    lessons = [Lesson(found, len(found), features_of()) for found in (earlier, newest)]
    both = rank_examples(lessons, BLEND, SETTINGS.model_copy(update={"missing_sources": 0.0}), seed=1)
    assert len(both.features) == len(both.labels) == len(both.weights) == 5
    assert both.n_right == made_of(earlier).n_right == 2
    assert both.requests.tolist() == [0, 0, 0, 1, 1]
    assert both.newest == 3


def test_a_dear_item_that_is_as_likely_as_a_cheap_one_stands_above_it_under_revenue() -> None:
    rng = np.random.default_rng(1)
    features = np.stack([rng.integers(0, 2, N), rng.normal(size=N)], axis=1).astype(np.float32)
    labels, dear = rng.random(N) < 0.2, features[:, 0] > 0
    weights = np.where(labels & dear, np.float32(1.9), np.where(labels, np.float32(0.1), np.float32(1)))
    taught = RankExamples(("dear", "noise"), features, labels, weights, ten_each(N))
    network = distil(taught, fit_trees(Binned.of(taught, SETTINGS, 1), SETTINGS, 1)(features), SETTINGS, seed=1)
    scores = network(features)
    assert scores[dear].min() > scores[~dear].max()
