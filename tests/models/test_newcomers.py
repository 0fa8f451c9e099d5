"""Content over rows that follow the bundle's answers as if it had always had them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.context import Context
from models.index import ExactIndex
from models.sources.content import Content
from models.words import Words, unit_rows

NO_WORDS = Words.of((), np.zeros((0, 4), np.float32))
N = 12


@given(st.integers(0, 2**32 - 1), st.integers(1, N), st.integers(0, N + 3))
def test_where_the_bundle_ends_changes_no_answer(seed: int, known: int, k: int) -> None:
    chance = np.random.default_rng(seed)
    vectors = unit_rows(chance.standard_normal((N, 4)).astype(np.float32))
    vectors[chance.random(N) < 0.2] = 0
    mask = chance.random(N) < 0.7
    context = Context(0, anchors=chance.choice(N, 2, replace=False).astype(np.int32))
    # Two anchors are equally near to their mean: rounding alone would tell which is first.
    mask[context.anchors] = False
    whole = Content(ExactIndex.of(vectors), 9, NO_WORDS, vectors[:0])
    parted = Content(ExactIndex.of(vectors[:known]), 9, NO_WORDS, vectors[known:])
    one, other = whole.ask(context), parted.ask(context)
    rows, scores = one.propose(mask, k)
    again, again_scores = other.propose(mask, k)
    assert again.dtype == rows.dtype
    assert again.tolist() == rows.tolist()
    np.testing.assert_allclose(again_scores, scores, atol=1e-6)
    beyond = np.arange(N + 2, dtype=np.int32)
    np.testing.assert_allclose(other.score(beyond), one.score(beyond), atol=1e-6)
    assert np.isnan(other.score(beyond)[N:]).all()
    asked, added = whole.because(context, rows)
    asked_again, added_again = parted.because(context, rows)
    assert asked_again.tolist() == asked.tolist()
    np.testing.assert_allclose(added_again, added, atol=1e-6)
