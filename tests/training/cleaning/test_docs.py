"""docs/cleaning.md says what the steps do."""

import re
import tomllib
from pathlib import Path

import pytest

from training.cleaning.base import Step
from training.cleaning.run import Cleaning
from training.config import recipe_of

PAGE = (Path(__file__).parents[3] / "docs" / "cleaning.md").read_text()
SECTIONS = dict(re.findall(r"^## ([a-z_]+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
STEPS = Cleaning().steps()


def test_every_step_has_its_section_in_the_order_in_which_they_are_done() -> None:
    assert tuple(SECTIONS) == tuple(step.name for step in STEPS)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_section_names_every_threshold_with_its_default_and_when_to_turn_it_off(step: Step) -> None:
    section = SECTIONS[step.name]
    named = dict(re.findall(r"`(\w+)` \(([\d.]+)\)", section))
    told = {name: f"{field.default:g}" for name, field in type(step).model_fields.items() if name != "on"}
    assert named == told
    assert "**Takes out**" in section
    assert "**Turn it off**" in section


def test_the_share_that_is_warned_of_is_the_default() -> None:
    assert f"`warn_share` ({Cleaning().warn_share:g})" in PAGE


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    cleaning = recipe_of(tomllib.loads(example[1]), "docs/cleaning.md").cleaning
    assert not cleaning.robots.on
    assert cleaning.repeats.seconds == 2
