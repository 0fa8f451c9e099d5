"""What may be varied is in the recipe, and what was varied comes back from the file that says so."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigurationError
from training.config import Recipe, recipe_of
from training.fit import FITS
from training.tuning.space import SPACE, Knob, Value, space_of, values_of, with_values
from training.tuning.written import as_training_file

DEFAULTS = values_of(Recipe())


@pytest.mark.parametrize("knob", SPACE, ids=lambda knob: knob.path)
def test_a_knob_is_a_key_of_the_recipe_whose_default_and_both_ends_it_can_have(knob: Knob) -> None:
    assert knob.low <= DEFAULTS[knob.path] <= knob.high
    assert knob.low > 0 or not knob.log
    for end in (knob.low, knob.high):
        whole = isinstance(DEFAULTS[knob.path], int)
        found = with_values(Recipe(), {knob.path: int(end) if whole else end})
        assert values_of(found)[knob.path] == end


def test_a_key_is_named_once() -> None:
    assert len({knob.path for knob in SPACE}) == len(SPACE)


def test_only_what_is_asked_for_is_varied() -> None:
    assert {knob.group for knob in space_of(Recipe(), ("als", "memory"))} == {"als", "memory"}
    assert [knob.path for knob in space_of(Recipe())] == [knob.path for knob in SPACE]


def test_a_source_that_is_not_trained_is_not_varied() -> None:
    recipe = Recipe(sources={"popular": {}})
    assert not [knob for knob in space_of(recipe) if knob.group in set(FITS) - {"popular"}]
    with pytest.raises(ConfigurationError, match="the recipe has nothing of als"):
        space_of(recipe, ("als",))


def test_what_cannot_be_varied_names_what_can() -> None:
    with pytest.raises(ConfigurationError, match="nothing called 'asl' to tune; did you mean 'als'"):
        space_of(Recipe(), ("asl",))


def test_a_range_holds_what_the_recipe_says() -> None:
    (factors, *_) = space_of(Recipe(sources={"als": {"factors": 500}}), ("als",))
    assert (factors.path, factors.high, factors.whole) == ("sources.als.factors", 500, True)


@st.composite
def chosen_values(draw: st.DrawFn) -> dict[str, Value]:
    knobs = draw(st.lists(st.sampled_from(SPACE), unique=True))
    return {
        knob.path: draw(
            st.integers(int(knob.low), int(knob.high))
            if isinstance(DEFAULTS[knob.path], int)
            else st.floats(knob.low, knob.high)
        )
        for knob in knobs
    }


@given(values=chosen_values(), sources=st.sets(st.sampled_from(sorted(FITS)), min_size=1))
def test_a_training_file_says_the_recipe_that_it_was_written_from(values: dict[str, Value], sources: set[str]) -> None:
    recipe = with_values(Recipe(sources={name: {} for name in sources}), {})
    known = {path: value for path, value in values.items() if path in values_of(recipe)}
    recipe = with_values(recipe, known)
    read = recipe_of(tomllib.loads(as_training_file(recipe, ("a remark",))), "the file")
    assert values_of(read) == values_of(recipe)
    assert read.model_copy(update={"sources": {}}) == recipe.model_copy(update={"sources": {}})


def test_only_what_differs_is_written() -> None:
    recipe = with_values(Recipe(), {"memory.half_life_days": 30.0})
    assert as_training_file(recipe, ("tuned",)) == "# tuned\n\n[memory]\nhalf_life_days = 30.0\n"
    assert as_training_file(Recipe()) == ""


def test_a_table_of_names_is_written_whole() -> None:
    recipe = recipe_of({"blend": {"bought_sources": {"new_to_you": ["als"]}}}, "a test")
    assert recipe_of(tomllib.loads(as_training_file(recipe)), "the file") == recipe
