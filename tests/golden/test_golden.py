"""Bundles that earlier Endcaps wrote open, and answer what they answered then. How they were made: make.py."""

import json
import re
from pathlib import Path

import pytest

from models.learned import LearnedRanker
from models.rank import Blend
from models.sources import SOURCES
from store.bundles.manifest import SCHEMA_VERSION
from store.bundles.read import open_bundle
from tests.golden.make import answers_of, questions_of
from training.config import recipe_of

HERE = Path(__file__).parent
BUNDLES = sorted(path for path in HERE.glob("bundle-*") if path.is_dir())


@pytest.fixture(params=BUNDLES, ids=lambda path: str(path.name))
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_there_is_a_bundle_of_every_schema_version() -> None:
    assert [path.name for path in BUNDLES] == [f"bundle-{version}" for version in range(1, SCHEMA_VERSION + 1)]


def test_a_golden_bundle_answers_as_it_did(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert f"bundle-{bundle.manifest.schema_version}" == folder.name
    then = json.loads((HERE / f"{folder.name}.answers.json").read_bytes())
    for question, before, now in zip(questions_of(bundle), then, answers_of(bundle), strict=True):
        assert before, question
        assert [item["item_id"] for item in now] == [item["item_id"] for item in before], question
        assert [item["reason"] for item in now] == [item["reason"] for item in before], question
        assert [item["title"] for item in now] == [item["title"] for item in before], question
        # Other processors add in another order.
        scores = [[item["score"] for item in answer if item["score"] is not None] for answer in (before, now)]
        assert scores[1] == pytest.approx(scores[0], abs=2e-4), question


def test_the_golden_bundle_of_today_has_every_source_and_a_recipe_that_can_be_fitted_again() -> None:
    manifest = open_bundle(BUNDLES[-1]).manifest
    assert set(manifest.sources) == set(SOURCES)
    assert recipe_of(manifest.recipe, "the golden bundle").seed == manifest.recipe["seed"]


def test_the_golden_bundle_of_today_has_a_learned_ranker_and_one_of_before_there_were_any_has_blends() -> None:
    kinds = [{type(ranker) for ranker in open_bundle(path).snapshot.rankers.values()} for path in BUNDLES]
    assert kinds[0] == {Blend}
    assert LearnedRanker in kinds[-1]


def test_a_golden_bundle_is_small_and_tells_nothing_of_the_machine_that_made_it(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    for path in files:
        if path.suffix == ".json":
            assert not re.search(r"/(tmp|home|root|usr|work)/", path.read_text("utf-8"))
