from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.context import Context
from models.index import build_index
from models.sources.als import Als
from models.sources.answers import FoundFirst, Silence
from models.sources.base import Learned
from models.sources.content import Content
from training import nearest
from training.nearest import nearest_rows, with_nearest

N_ROWS, N_WARM, KEPT = 300, 200, 40
CHANCE = np.random.default_rng(3)
FACTORS = CHANCE.normal(size=(N_ROWS, 8)).astype(np.float32)
FACTORS[::7] = FACTORS[1::7][: len(FACTORS[::7])]  # items that nothing tells apart
FACTORS[5] = 0
SETTINGS: Final = {"regularization": 1.0, "alpha": 1.0, "query_items": 50}


def learned(name: str) -> Learned:
    lengths = np.linalg.norm(FACTORS, axis=1, keepdims=True)
    unit = np.divide(FACTORS, lengths, out=np.zeros_like(FACTORS), where=lengths > 0)
    return Learned({}, SETTINGS, build_index(FACTORS if name == "als" else unit))


SEARCHING: Final[dict[str, Als | Content]] = {
    "als": Als.load(learned("als")),
    "content": Content.load(learned("content")),
}
LOOKING_UP: Final[dict[str, Als | Content]] = {
    name: replace(source, nearest=nearest_rows(source, N_WARM, N_ROWS, KEPT, 1)) for name, source in SEARCHING.items()
}


@given(
    st.sampled_from(sorted(SEARCHING)),
    st.lists(st.integers(0, N_ROWS - 1), min_size=1, max_size=2),
    st.integers(1, 60),
    st.floats(0.3, 1.0),
    st.integers(0, 2**32 - 1),
)
def test_what_was_found_before_is_what_a_search_finds(
    name: str, anchors: list[int], k: int, share: float, seed: int
) -> None:
    mask = np.random.default_rng(seed).random(N_ROWS) < share
    mask[anchors] = False
    context = Context(0, anchors=np.array(anchors, np.int32))
    one, other = (sources[name].ask(context) for sources in (LOOKING_UP, SEARCHING))
    for got, expected in zip(one.propose(mask, k), other.propose(mask, k), strict=True):
        np.testing.assert_array_equal(got, expected)
    everything = np.arange(N_ROWS + 2, dtype=np.int32)
    np.testing.assert_array_equal(one.score(everything), other.score(everything))


@pytest.mark.parametrize("name", sorted(SEARCHING))
def test_a_page_about_one_warm_product_searches_nothing(name: str) -> None:
    answer = LOOKING_UP[name].ask(Context(0, anchors=np.array([3], np.int32)))
    assert isinstance(answer, FoundFirst)
    unsearched = replace(answer, search=Silence())
    assert len(unsearched.propose(np.ones(N_ROWS, np.bool_), KEPT)[0]) == KEPT


def test_it_does_not_depend_on_the_number_of_processes() -> None:
    for source in SEARCHING.values():
        one, two = (nearest_rows(source, N_WARM, N_ROWS, KEPT, processes) for processes in (1, 2))
        for array, values in one.arrays().items():
            np.testing.assert_array_equal(two.arrays()[array], values)


def test_it_is_kept_with_the_sources_that_search_and_only_for_catalogues_where_it_pays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    all_learned = {name: learned(name) for name in SEARCHING} | {"popular": Learned({"rows": FACTORS})}
    assert with_nearest(all_learned, N_WARM) == all_learned
    monkeypatch.setattr(nearest, "WORTH_ROWS", N_ROWS)
    monkeypatch.setattr(nearest, "KEPT", KEPT)
    kept = with_nearest(all_learned, N_WARM)
    assert kept["popular"] is all_learned["popular"]
    for name, again in (("als", Als.load(kept["als"])), ("content", Content.load(kept["content"]))):
        found = LOOKING_UP[name].nearest
        assert again.nearest is not None
        assert found is not None
        np.testing.assert_array_equal(again.nearest.nearest_rows, found.nearest_rows)
