from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import NO_ROWS, Float32, Int32
from models.candidates import _distinct, gather
from models.context import Context
from models.index import ExactIndex
from models.placement import Placement
from models.sources.answers import Dense, Nearest
from models.sources.base import Answer, Learned

NOBODY = Context(now_us=0)


@dataclass(frozen=True)
class Scored:
    """A source whose every score is known."""

    scores: Float32
    name: ClassVar[str] = "scored"

    @classmethod
    def load(cls, learned: Learned) -> Self:
        return cls(learned.arrays["scores"])

    def ask(self, context: Context) -> Answer:
        del context
        return Dense(self.scores)

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        del context
        return NO_ROWS, np.zeros((0, len(rows)), np.float32)


def placement(**sources: int) -> Placement:
    return Placement("here", "personal", sources)


@given(st.integers(1, 30), st.data())
def test_distinct_rows_are_each_once_and_every_place_finds_its_row(n: int, data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=60)), np.int32)
    distinct, place = _distinct(rows, n)
    assert sorted(distinct.tolist()) == sorted(set(rows.tolist()))
    np.testing.assert_array_equal(distinct[place], rows)


def test_candidates_join_what_the_sources_propose_inside_the_mask() -> None:
    sources = {"up": Scored(np.array([1, 2, 3, 4], np.float32)), "down": Scored(np.array([4, 3, 2, 1], np.float32))}
    candidates = gather(NOBODY, sources, placement(up=2, down=2), np.array([True, True, True, False]))
    assert candidates.sources == ("up", "down")
    found = {
        row: tuple(scores) for row, scores in zip(candidates.rows.tolist(), candidates.scores.tolist(), strict=True)
    }
    assert set(found) == {0, 1, 2}
    assert found[1] == (2.0, 3.0)
    assert found[2] == (3.0, 2.0), "down did not propose it, and still has a score for it"
    assert candidates.proposed[candidates.rows.tolist().index(2)].tolist() == [True, False]
    assert candidates.of_source("down").rows.tolist() == [row for row in candidates.rows.tolist() if row != 2]


def test_a_source_that_the_bundle_lacks_proposes_nothing() -> None:
    sources = {"up": Scored(np.ones(3, np.float32))}
    candidates = gather(NOBODY, sources, placement(up=5, missing=5), np.ones(3, np.bool_))
    assert candidates.sources == ("up",)
    assert len(candidates) == 3


def test_no_source_at_all_gives_no_candidates() -> None:
    assert len(gather(NOBODY, {}, placement(missing=5), np.ones(3, np.bool_))) == 0


def test_sources_that_propose_nothing_leave_empty_columns() -> None:
    candidates = gather(NOBODY, {"up": Scored(np.ones(3, np.float32))}, placement(up=5), np.zeros(3, np.bool_))
    assert candidates.scores.shape == (0, 1)


def test_a_source_keeps_its_own_scores_whoever_else_was_asked() -> None:
    alike = ExactIndex.of(np.tile(np.random.default_rng(0).normal(size=(1, 64)).astype(np.float32), (101, 1)))

    @dataclass(frozen=True)
    class Near(Scored):
        def ask(self, context: Context) -> Answer:
            del context
            return Nearest(alike, self.scores)

    near = Near(np.random.default_rng(1).normal(size=64).astype(np.float32))
    sources = {"near": near, "other": Scored(np.arange(101, dtype=np.float32))}
    everything = np.ones(101, np.bool_)
    rows, scores = near.ask(NOBODY).propose(everything, 7)
    for quota in (0, 1, 2, 3, 50):
        own = gather(NOBODY, sources, placement(near=7, other=quota), everything).of_source("near")
        assert dict(zip(own.rows.tolist(), own.scores[:, 0].tolist(), strict=True)) == dict(
            zip(rows.tolist(), scores.tolist(), strict=True)
        )
