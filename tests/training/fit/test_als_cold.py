import numpy as np
import pytest
from scipy.sparse import csr_matrix

from models.arrays import Float32
from models.sources.als_cold import AlsCold, Placing
from models.sources.factors import Factors
from models.words import Description
from tests.worlds import Question, event_frame, every_world, item, item_frame
from training.fit.als_cold import (
    WITHOUT_A_TEST,
    Settings,
    choose,
    crowd_of,
    fit,
    leading_directions,
    mapped,
    ndcg,
)
from training.fit.factors import Weights

WORLD = next(world for world in every_world() if world.name == "nobody bought it yet")
WEIGHTS = Weights(alpha=1.0, regularization=0.1)


def test_a_linear_world_is_mapped_back() -> None:
    chance = np.random.default_rng(1)
    content = chance.standard_normal((200, 6)).astype(np.float32)
    weights, added = chance.standard_normal((6, 4)), chance.standard_normal(4)
    (found,) = mapped(content, (content @ weights + added).astype(np.float32), [1e-6])
    np.testing.assert_allclose(found, np.vstack([weights, added]), atol=1e-3)


def test_the_larger_the_penalty_the_nearer_every_item_is_to_the_mean() -> None:
    chance = np.random.default_rng(2)
    content, factors = chance.standard_normal((2, 50, 3)).astype(np.float32)
    loose, tight = mapped(content, factors, [1.0, 1e6])
    assert np.linalg.norm(tight[:-1]) < 1e-3 < np.linalg.norm(loose[:-1])
    np.testing.assert_allclose(tight[-1], factors.mean(axis=0), atol=1e-3)


def test_leading_directions_hold_what_the_matrix_holds() -> None:
    chance = np.random.default_rng(3)
    matrix = chance.standard_normal((80, 5)) @ chance.standard_normal((5, 40))
    basis = leading_directions(csr_matrix(matrix), 5, seed=1)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-5)
    np.testing.assert_allclose(matrix @ basis @ basis.T, matrix, atol=1e-4)
    np.testing.assert_array_equal(leading_directions(csr_matrix(matrix), 5, seed=1), basis)


def test_a_list_with_the_right_ones_first_is_worth_one() -> None:
    chance = np.random.default_rng(4)
    right = chance.random((10, 50)) < 0.1
    right[:, 0] = True
    assert ndcg(right.astype(np.float32), right) == pytest.approx(1)
    assert ndcg(-right.astype(np.float32), right) < 0.1


def shop_of(n: int = 600) -> tuple[csr_matrix, Float32, Float32]:
    """Shoppers of four tastes, items of one taste each; their words say which one, and which of them sell."""
    chance = np.random.default_rng(5)
    taste, loud = np.arange(n) % 4, chance.random(n) < 0.2
    factors = np.eye(4, dtype=np.float32)[taste] * np.where(loud, 3.0, 0.3)[:, None].astype(np.float32)
    content = np.eye(8, dtype=np.float32)[taste * 2 + loud]
    odds = np.where(loud, 0.5, 0.02) * (taste == np.arange(400)[:, None] % 4)
    return csr_matrix((chance.random((400, n)) < odds).astype(np.float32)), factors, content


def test_the_length_of_a_vector_counts_where_the_catalogue_tells_what_sells() -> None:
    assert choose(*shop_of(), WEIGHTS, seed=1).power == 0


def test_a_shop_too_small_to_try_takes_the_shoppers_own_taste() -> None:
    likes, factors, content = shop_of(100)
    assert choose(likes, factors, content, WEIGHTS, seed=1) == WITHOUT_A_TEST


def test_a_shop_where_nobody_likes_two_items_is_not_tried_either() -> None:
    _, factors, content = shop_of()
    assert choose(csr_matrix(np.eye(600, dtype=np.float32)), factors, content, WEIGHTS, seed=1) == WITHOUT_A_TEST


def test_the_crowd_is_nearly_the_mean_shopper() -> None:
    likes, vectors, _ = shop_of()
    factors = Factors.of(vectors, regularization=10.0, alpha=1.0)
    mean = np.mean([factors.fold_in(row.indices, row.data) for row in likes if row.nnz], axis=0)
    crowd = crowd_of(likes, factors)
    assert crowd @ mean > 0.99 * np.linalg.norm(crowd) * np.linalg.norm(mean)


def test_an_item_of_which_nothing_is_known_has_no_place() -> None:
    placing = Placing(np.ones((4, 2), np.float32), power=1.0)
    assert placing.place(np.zeros((1, 3), np.float32)).tolist() == [[0, 0]]
    np.testing.assert_allclose(np.linalg.norm(placing.place(np.ones((1, 3), np.float32)), axis=1), 1)


def test_an_item_that_came_after_the_training_is_proposed_to_its_community_before_its_first_event() -> None:
    old = WORLD.items["item_id"].is_in(["bench", "wok"])
    data = type(WORLD)("before", WORLD.events, WORLD.items.filter(~old), ()).data()
    source = AlsCold.load(fit(data, Settings())).covering([Description(brand="ferrum"), Description(brand="cuprum")])
    longer = data.vocabulary.extended(["bench", "wok"])
    for shopper, wanted in (("u:only-flora", "bench"), ("u:only-sapor", "wok")):
        answer = source.ask(WORLD.context(longer, Question((), shopper)))
        rows, _ = answer.propose(np.ones(len(longer), np.bool_), 9)
        assert longer.ids[rows[0]] == wanted
        rows_of_both = np.arange(len(longer) - 2, len(longer), dtype=np.int32)
        assert longer.ids[rows_of_both[answer.score(rows_of_both).argmax()]] == wanted


def test_where_too_many_items_are_cold_those_that_the_crowd_likes_get_a_place_and_newcomers_all_do() -> None:
    data = WORLD.data()
    source = AlsCold.load(fit(data, Settings(most_placed=1)))
    assert len(source.rows) == len(source.index) == 1
    over = source.covering([Description(brand="ferrum"), Description(brand="cuprum")])
    assert over.rows.tolist()[1:] == [len(data.vocabulary), len(data.vocabulary) + 1]
    again = over.covering([Description(brand="ferrum")])
    assert again.rows.tolist() == over.rows.tolist()[:2]


def test_of_a_warm_item_it_says_nothing_and_an_item_without_words_it_never_proposes() -> None:
    items = item_frame([item("mute", (), title=None)]).vstack(WORLD.items)
    data = type(WORLD)("mute", event_frame(WORLD.events.to_dicts()), items, ()).data()
    source = AlsCold.load(fit(data, Settings()))
    answer = source.ask(WORLD.context(data.vocabulary, Question((), "u:only-flora")))
    rows = np.arange(len(data.vocabulary), dtype=np.int32)
    assert np.isnan(answer.score(rows[: data.n_warm])).all()
    proposed = {data.vocabulary.ids[row] for row in answer.propose(np.ones(len(rows), np.bool_), 9)[0]}
    assert "mute" not in proposed
    assert "bench" in proposed
