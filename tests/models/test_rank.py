import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.candidates import Candidates
from models.context import Context, Interactions
from models.events import EVENT_TYPES, PURCHASE
from models.history import Events, Memory, summarise
from models.rank import Blend, Calibration, LogisticSum, OwnScore

NOBODY = Context(now_us=0)
SCORE = st.floats(-10, 10, width=32)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    knots = sorted(draw(st.lists(SCORE, min_size=1, max_size=5, unique=True)))
    odds = sorted(draw(st.lists(st.floats(-200, 20, width=32), min_size=len(knots), max_size=len(knots))))
    return Calibration(
        np.array(knots, np.float32), np.array(odds, np.float32), draw(st.floats(-20, 0)), draw(st.floats(0, 3))
    )


def candidates_of(scores: list[list[float]]) -> Candidates:
    table = np.array(scores, np.float32).reshape(len(scores), -1)
    names = tuple("abc"[: table.shape[1]])
    return Candidates(np.arange(len(table), dtype=np.int32), table, ~np.isnan(table), names)


def having_bought(*rows: int) -> Context:
    """A shopper who bought these item rows."""
    own = Events(
        owners=np.zeros(len(rows), np.int32),
        items=np.array(rows, np.int32),
        types=np.full(len(rows), PURCHASE, np.uint8),
        ts_us=np.zeros(len(rows), np.int64),
        prices=np.ones(len(rows), np.float32),
        orders=np.full(len(rows), -1, np.int32),
    )
    weights = tuple(float(name == "purchase") for name in EVENT_TYPES)
    return Context(now_us=1, shopper=Interactions(summarise(own, 1, Memory(weights, 30.0))))


@given(calibrations(), calibrations(), SCORE | st.just(np.nan), st.lists(SCORE, min_size=2, max_size=8))
def test_a_higher_score_never_lowers_the_sum(
    one: Calibration, two: Calibration, other: float, scores: list[float]
) -> None:
    summed = LogisticSum(-3.0, {"a": one, "b": two})
    log_odds = summed.shares(candidates_of([[score, other] for score in sorted(scores)])).sum(axis=1)
    # float32 rounds the sum of the sources: a step of 1e-4 of log-odds of hundreds is not a fall.
    assert (np.diff(log_odds) >= -1e-4).all()


@given(calibrations(), calibrations(), SCORE)
def test_a_source_with_nothing_to_say_adds_nothing(one: Calibration, two: Calibration, score: float) -> None:
    candidates = candidates_of([[score, np.nan]])
    both, alone = LogisticSum(-3.0, {"a": one, "b": two}), LogisticSum(-3.0, {"a": one})
    assert both.shares(candidates)[0, 1] == 0.0
    scores = [Blend(part, part).weigh(NOBODY, candidates).scores.tolist() for part in (both, alone)]
    assert scores[0] == scores[1]


def test_a_source_without_a_calibration_adds_nothing() -> None:
    silent = LogisticSum(0.0, {})
    assert Blend(silent, silent).weigh(NOBODY, candidates_of([[3.0], [9.0]])).scores.tolist() == [0.5, 0.5]


def test_shares_say_what_each_source_adds() -> None:
    line = Calibration(np.array([0, 1], np.float32), np.array([-2, 2], np.float32), missing=-2.0, weight=0.5)
    summed = LogisticSum(0.0, {"a": line, "b": line})
    shares = summed.shares(candidates_of([[1.0, 0.5], [0.0, np.nan], [7.0, -7.0]]))
    assert shares.tolist() == [[2.0, 1.0], [0.0, 0.0], [2.0, 0.0]]


def test_what_was_bought_before_is_weighed_apart_from_what_is_new() -> None:
    line = Calibration(np.array([0, 1], np.float32), np.array([-1, 1], np.float32), missing=-1.0, weight=1.0)
    blend = Blend(bought=LogisticSum(0.0, {"a": line}), fresh=LogisticSum(0.0, {"b": line}))
    candidates, shopper = candidates_of([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), having_bought(0)
    weighed = blend.weigh(shopper, candidates)
    assert weighed.shares.tolist() == [[2.0, 0.0], [0.0, 0.0], [0.0, 2.0]]
    sure = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(weighed.scores, [sure, 0.5, sure], rtol=1e-6)


def test_a_hopeless_candidate_is_improbable_without_a_warning() -> None:
    steep = Calibration(np.array([0], np.float32), np.array([-500], np.float32), missing=0.0, weight=1.0)
    hopeless = LogisticSum(0.0, {"a": steep})
    assert Blend(hopeless, hopeless).weigh(NOBODY, candidates_of([[0.0]])).scores.tolist() == [0.0]


def test_one_source_is_ranked_by_its_own_score() -> None:
    candidates = candidates_of([[3.0], [-1.0]])
    weighed = OwnScore().weigh(NOBODY, candidates)
    assert weighed.scores.tolist() == [3.0, -1.0]
    assert (weighed.shares > 0).all(), "whatever the score, it is this source's"


def test_no_candidates_have_no_scores() -> None:
    nothing = Candidates(np.zeros(0, np.int32), np.zeros((0, 0), np.float32), np.zeros((0, 0), np.bool_), ())
    for ranker in (OwnScore(), Blend(LogisticSum(0.0, {}), LogisticSum(0.0, {}))):
        weighed = ranker.weigh(NOBODY, nothing)
        assert (weighed.scores.shape, weighed.shares.shape) == ((0,), (0, 0))
