import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.arrays import Float64
from training.evaluate import intervals as module
from training.evaluate.intervals import PerUser, compare, intervals

RNG = np.random.default_rng(11)


def one_list_each(values: Float64) -> PerUser:
    return PerUser.of(values.reshape(len(values), -1), np.arange(len(values)))


def test_an_interval_is_scipys_percentile_bootstrap() -> None:
    values = RNG.gamma(1.5, 1.0, 400)
    found = intervals(one_list_each(values), seed=1)[0]
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=5000, rng=np.random.default_rng(2))
    assert found.value == pytest.approx(values.mean())
    # Two runs with 2,000 resamples differ by about a twentieth of the half width.
    half = (found.high - found.low) / 2
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.15 * half)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.15 * half)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1])
def test_a_p_value_is_scipys_permutation_test_of_pairs(shift: float) -> None:
    differences = RNG.normal(shift, 1.0, 300)
    other = RNG.random(300)
    found = compare(one_list_each(other + differences), one_list_each(other), seed=1)[0]
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=5000, rng=np.random.default_rng(2)
    )
    assert found.difference.value == pytest.approx(differences.mean())
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.04)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 5))
@settings(max_examples=25)
def test_a_model_does_not_differ_from_itself(values: list[float], seed: int) -> None:
    users = one_list_each(np.array(values))
    (comparison,) = compare(users, users, seed)
    assert (comparison.p_value, comparison.difference.low, comparison.difference.high) == (1.0, 0.0, 0.0)
    assert not comparison.differs


def test_a_clear_difference_is_one_and_changes_its_sign_with_the_order() -> None:
    worse = RNG.random(200)
    better = worse + 0.2
    there, back = (compare(one_list_each(a), one_list_each(b), 3)[0] for a, b in ((better, worse), (worse, better)))
    assert there.differs
    assert back.differs
    assert there.difference.value == pytest.approx(-back.difference.value)


def test_the_lists_of_one_shopper_stay_together() -> None:
    values = RNG.random((40, 1))
    users = np.arange(40)
    once = intervals(PerUser.of(values, users), seed=5)[0]
    # Ten copies of every list are no more evidence than one.
    tenfold = intervals(PerUser.of(np.repeat(values, 10, axis=0), np.repeat(users, 10)), seed=5)[0]
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_a_mean_over_lists_weighs_a_shopper_by_the_number_of_lists() -> None:
    users = PerUser.of(np.array([[1.0], [0.0], [0.0]]), np.array([7, 9, 9]))
    assert users.means() == pytest.approx([1 / 3])


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    users = one_list_each(RNG.random(50))
    assert intervals(users, 1) == intervals(users, 1)
    assert intervals(users, 1) != intervals(users, 2)


def test_many_shoppers_are_resampled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    users = one_list_each(RNG.random((60, 2)))
    whole = intervals(users, 1)
    monkeypatch.setattr(module, "_BLOCK_CELLS", 60 * 37)
    for block, one in zip(intervals(users, 1), whole, strict=True):
        assert (block.low, block.high) == pytest.approx((one.low, one.high), abs=0.02)


def test_one_shopper_has_an_interval_of_no_width() -> None:
    found = intervals(one_list_each(np.array([0.4])), 1)[0]
    assert (found.low, found.value, found.high) == (0.4, 0.4, 0.4)
