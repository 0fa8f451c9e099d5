"""A recipe is checked before anything is learned, and a misspelt key hears the nearest one."""

from pathlib import Path

import pytest

from models.errors import ConfigurationError
from models.events import EVENT_TYPES
from training.config import Recipe, read_recipe, recipe_of
from training.fit import FITS


def refused(raw: dict[str, object]) -> str:
    with pytest.raises(ConfigurationError) as error:
        recipe_of(raw, "training.toml")
    return str(error.value)


def test_without_a_file_everything_is_trained_with_defaults() -> None:
    assert read_recipe(None) == Recipe()
    assert list(Recipe().sources) == list(FITS)


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "training.toml"
    path.touch()
    assert read_recipe(path) == Recipe()


def test_what_a_bundle_keeps_of_a_recipe_is_the_recipe_again() -> None:
    raw = {"seed": 3, "sources": {"als": {"factors": 8}, "new": {}}, "memory": {"weights": {"view": 0}}}
    recipe = recipe_of(raw, "here")
    assert recipe_of(recipe.model_dump(mode="json"), "a bundle") == recipe
    assert recipe != Recipe()


def test_a_file_says_what_it_changes_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "training.toml"
    path.write_text(
        "# für Straßen\nhorizon_days = 14\n[memory.weights]\nview = 0.3\n[sources.als]\nfactors = 16\n", "utf-8"
    )
    recipe = read_recipe(path)
    assert (recipe.horizon_days, recipe.min_shoppers) == (14, Recipe().min_shoppers)
    memory = recipe.memory.memory()
    assert memory.weights[EVENT_TYPES.index("view")] == 0.3
    assert memory.weights[EVENT_TYPES.index("purchase")] == 1.0
    assert memory.weights[EVENT_TYPES.index("refund")] == 0.0
    assert list(recipe.sources) == ["als"], "a source that is not named is not trained"
    assert recipe.source_settings("als").model_dump()["factors"] == 16


@pytest.mark.parametrize(
    ("raw", "key", "meant"),
    [
        ({"sed": 3}, "sed", "seed"),
        ({"source": {"als": {}}}, "source", "sources"),
        ({"memory": {"half_live_days": 3}}, "memory.half_live_days", "half_life_days"),
        ({"memory": {"weights": {"purchas": 3}}}, "memory.weights.purchas", "purchase"),
        ({"blend": {"l3": 3}}, "blend.l3", "l2"),
        ({"checks": {"robot": {}}}, "checks.robot", "robots"),
        ({"sources": {"als": {"factor": 3}}}, "sources.als.factor", "factors"),
        ({"sources": {"item_knn": {"neighbors": 3}}}, "sources.item_knn.neighbors", "neighbours"),
    ],
)
def test_a_key_that_does_not_exist_hears_the_nearest_one(raw: dict[str, object], key: str, meant: str) -> None:
    assert f"training.toml: there is no key {key}; did you mean {meant!r}?" in refused(raw)


@pytest.mark.parametrize("raw", [{"sources": {"asl": {}}}, {"blend": {"bought_sources": {"personal": ["asl"]}}}])
def test_a_source_that_does_not_exist_hears_the_nearest_one(raw: dict[str, object]) -> None:
    assert "there is no source 'asl'; did you mean 'als'?" in refused(raw)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ({"seed": "one"}, "seed cannot be 'one'"),
        ({"min_shoppers": 0}, "min_shoppers cannot be 0"),
        ({"horizon_days": -1}, "horizon_days cannot be -1"),
        ({"memory": {"half_life_days": 0}}, "memory.half_life_days cannot be 0"),
        ({"memory": {"half_life_days": float("inf")}}, "memory.half_life_days cannot be inf"),
        ({"memory": {"weights": {"view": float("nan")}}}, "memory.weights.view cannot be nan"),
        ({"memory": {"weights": {"view": -0.1}}}, "memory.weights.view cannot be -0.1"),
        ({"gate": {"max_fall": 1}}, "gate.max_fall cannot be 1"),
        ({"ranker": {"max_requests": {"personal": 0}}}, "ranker.max_requests.personal cannot be 0"),
        ({"ranker": {"hidden": [64, 0]}}, "ranker.hidden.1 cannot be 0"),
        ({"ranker": {"hidden": [10**8]}}, "ranker.hidden.0 cannot be 100000000"),
        ({"ranker": {"trees": 10**23}}, "ranker.trees cannot be 1"),
        ({"ranker": {"horizons": 0}}, "ranker.horizons cannot be 0"),
        ({"sources": {}}, "sources cannot be {}"),
        ({"sources": {"als": {"factors": 0}}}, "sources.als.factors cannot be 0"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_key(raw: dict[str, object], key: str) -> None:
    assert key in refused(raw)


@pytest.mark.parametrize("content", [b"seed = ", b"\xff", b"[sources\n"])
def test_a_file_that_is_no_toml_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "training.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"the training file {path} cannot be read"):
        read_recipe(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing.toml cannot be read: .*No such file"):
        read_recipe(tmp_path / "missing.toml")


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "training.toml"
    path.write_text("sed = 1")
    with pytest.raises(ConfigurationError, match=f"{path}: there is no key sed"):
        read_recipe(path)
