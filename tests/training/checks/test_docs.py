"""docs/checks.md says what the checks do."""

import re
import tomllib
from pathlib import Path

import pytest

from training.checks.base import Check
from training.checks.run import Checks

PAGE = (Path(__file__).parents[3] / "docs" / "checks.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def test_every_check_has_its_section_in_the_order_of_the_table() -> None:
    assert tuple(SECTIONS) == tuple(Checks.model_fields)


@pytest.mark.parametrize("check", Checks().each(), ids=lambda check: check.name)
def test_a_section_names_every_threshold_with_its_default_and_what_to_do(check: Check) -> None:
    section = SECTIONS[check.name]
    for name, field in type(check).model_fields.items():
        assert re.search(rf"`{name}` \({field.default:g}[;)]", section), f"{name} is {field.default:g} by default"
    assert "**Looks at**" in section
    assert "**To do**" in section


@pytest.mark.parametrize("check", Checks().each(), ids=lambda check: check.name)
def test_a_section_tells_only_the_levels_and_thresholds_that_there_are(check: Check) -> None:
    named = set(re.findall(r"`(\w+_\w+|at_least)` \(", SECTIONS[check.name]))
    assert named == set(type(check).model_fields)


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    Checks.model_validate(tomllib.loads(example[1])["checks"])
