import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from models.context import Context
from models.sources.factors import Factors
from training.fit.factors import FactorSettings, weights_of


def test_a_history_is_folded_in_as_if_it_had_been_learned() -> None:
    chance = np.random.default_rng(3)
    likes = csr_matrix(np.where(chance.random((40, 30)) < 0.2, chance.random((40, 30)), 0).astype(np.float32))
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=8, regularization=0.5, alpha=3.0, iterations=5, random_state=1)
        model.fit(likes, show_progress=False)
        exact = model.recalculate_user(np.arange(40), likes)
    factors = Factors.of(model.item_factors, regularization=0.5, alpha=3.0)
    for user in range(40):
        row = likes[user]
        folded = factors.fold_in(row.indices, row.data)
        assert folded.dtype == np.float32
        # float32 and another solver
        np.testing.assert_allclose(folded, exact[user], rtol=1e-3, atol=1e-4)


def test_sources_with_the_same_factors_fold_a_shopper_in_once_and_others_apart() -> None:
    vectors = np.random.default_rng(4).standard_normal((6, 3)).astype(np.float32)
    rows, weights = np.array([1, 4], np.int32), np.array([1, 2], np.float32)
    context = Context(now_us=0)
    one, same, other = (Factors.of(vectors.copy(), regularization=1.0, alpha=alpha) for alpha in (1.0, 1.0, 9.0))
    assert same.shopper(context, rows, weights) is one.shopper(context, rows, weights)
    np.testing.assert_array_equal(other.shopper(context, rows, weights), other.fold_in(rows, weights))


def test_in_what_unit_shoppers_like_changes_no_balance() -> None:
    likes = csr_matrix((np.random.default_rng(5).random((50, 400)) < 0.01).astype(np.float32))
    settings = FactorSettings(confidence=0.02, regularization=0.1)
    one, tenth = weights_of(likes, settings), weights_of(likes * np.float32(0.1), settings)
    assert one.alpha * likes.sum() / np.count_nonzero(likes.getnnz(axis=1)) == pytest.approx(0.02 * 400)
    assert one.regularization == pytest.approx(0.1 * 0.02 * 400)
    assert (tenth.alpha, tenth.regularization) == pytest.approx((10 * one.alpha, one.regularization), rel=1e-4)


def test_in_a_small_shop_a_like_still_weighs_no_less_than_no_like() -> None:
    likes = csr_matrix(np.eye(3, dtype=np.float32) * np.float32(0.5))
    assert weights_of(likes, FactorSettings()).alpha * 0.5 == pytest.approx(1)
    assert weights_of(csr_matrix(np.zeros((3, 3), dtype=np.float32)), FactorSettings()).alpha == 1
