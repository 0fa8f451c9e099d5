"""Placements are data: the built-in ones, a shop's own beside them, and every mistake named."""

from pathlib import Path
from typing import get_args

import pytest

from models.errors import ConfigurationError
from models.placement import Task, source_of
from models.sources import SOURCES
from store.placements import placement_named, read_placements


def written(folder: Path, text: str) -> Path:
    path = folder / "placements.toml"
    path.write_text(text, "utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        read_placements(written(folder, text))
    return str(error.value)


def test_the_built_in_placements_serve_every_task() -> None:
    placements = read_placements()
    of_a_shopper = ["home", "new-for-you", "product", "cart", "buy-again"]
    assert list(placements) == [*of_a_shopper, "bought-together", "popular", "trending"]
    assert {placement.task for placement in placements.values()} == set(get_args(Task))
    assert all(name == placement.name for name, placement in placements.items())


def test_every_source_is_asked_somewhere() -> None:
    assert {source_of(column) for placement in read_placements().values() for column in placement.sources} == set(
        SOURCES
    )


OWN = """
[home]
task = "personal"
n = 4
sources = { popular = 9 }
["größen"]
task = "similar"
sources = { als = 0 }
"""


def test_a_file_changes_one_placement_key_by_key_and_adds_another(tmp_path: Path) -> None:
    placements = read_placements(written(tmp_path, OWN))
    home = placements["home"]
    assert (home.n, home.sources, home.max_per_category) == (
        4,
        {"popular": 9},
        read_placements()["home"].max_per_category,
    )
    assert (placements["größen"].task, placements["größen"].n) == ("similar", 12)
    assert placements["cart"] == read_placements()["cart"]


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read_placements(written(tmp_path, "")) == read_placements()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n = 3", "n: "),
        ("[banner]\nsources = { als = 1 }", "banner.task: Field required"),
        ('[home]\ntask = "persnal"\nsources = { als = 1 }', "home.task: Input should be 'personal'"),
        ('[home]\ntask = "personal"\nsources = {}', "home.sources: "),
        ('[home]\ntask = "personal"\nsources = { als = -1 }', "home.sources.als: "),
        ('[home]\ntask = "personal"\nsources = { als = 1 }\nn = 0', "home.n: "),
        ('[home]\ntask = "personal"\nsources = { als = 1 }\nn = 1001', "home.n: "),
        (
            '[home]\ntask = "personal"\nsources = { als = 1 }\nmax_per_categry = 3',
            "home.max_per_categry: there is no such key; did you mean 'max_per_category'?",
        ),
        ('[home]\ntask = "personal"\nsources = { als = 1 }\nknown = "hide"', "home.known: "),
        ('[home]\ntask = "personal"\nsources = { asl = 1 }', "home: no source 'asl'; did you mean 'als'?"),
    ],
)
def test_a_mistake_is_named_with_file_placement_and_key(text: str, said: str, tmp_path: Path) -> None:
    message = refused(tmp_path, text)
    assert message.startswith(str(tmp_path / "placements.toml"))
    assert said in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing.toml cannot be read"):
        read_placements(tmp_path / "missing.toml")
    assert "cannot be read" in refused(tmp_path, "[home")


def test_a_placement_that_is_not_there_hears_the_nearest_one() -> None:
    placements = read_placements()
    assert placement_named("cart", placements) is placements["cart"]
    with pytest.raises(ConfigurationError, match=r"no placement 'crat'; did you mean 'cart'\? There are: home, "):
        placement_named("crat", placements)
