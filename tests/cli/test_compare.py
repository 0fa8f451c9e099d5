"""endcap compare: what it takes, what it says, and whose secrets it keeps."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from store.bundles.published import PublishedBundles
from store.opening import open_database
from tests.cli.conftest import CONFIG, Endcap, endcap_in
from tests.shops import changed, corner_shop, stock
from tests.worlds import NOW

TEMPORAL = ("--protocol", "temporal", "--processes", "1")


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Training files by name: `same` is the champion's recipe, but for what changes no list."""
    folder, paths = tmp_path_factory.mktemp("recipes"), {}
    for name, text in (
        ("worse", "min_shoppers = 2\nhorizon_days = 14\n[sources]\npopular = {}\ntrending = {}\n"),
        ("same", CONFIG + "[gate]\nmax_fall = 0.5\n"),
        ("broken", "min_shopper = 1\n"),
        ("unfit", "horizon_days = 14\nmin_shoppers = 5000\n[sources]\nals = {}\n"),
    ):
        path = folder / f"{name}.toml"
        path.write_text(text)
        paths[name] = str(path)
    return paths


@pytest.fixture(scope="module")
def worse(recipes: dict[str, str]) -> str:
    return recipes["worse"]


@pytest.fixture(scope="module")
def told(trained_home: Path, worse: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What is said of the champion against a worse recipe, and the JSON."""
    path = tmp_path_factory.mktemp("told") / "comparison.json"
    ran = endcap_in(trained_home)("compare", "champion", worse, *TEMPORAL, "--json", str(path))
    assert ran.exit_code == 0, ran.output
    return ran.output, json.loads(path.read_text())


def test_the_champion_wins_over_a_recipe_without_what_shoppers_repeat(told: tuple[str, dict[str, Any]]) -> None:
    said, found = told
    first = next(c for c in found["contrasts"] if (c["task"], c["segment"], c["metric"]) == ("all", "all", "ndcg@20"))
    assert first["a"] - first["b"] == pytest.approx(first["difference"]["value"])
    assert first["difference"]["low"] > 0
    assert first["gained"] > first["lost"]
    for words in ("A is champion, B is", "temporal, task all", "greatest gain", "typical", "rows in common"):
        assert words in said


def test_every_segment_and_metric_of_every_task_is_there(told: tuple[str, dict[str, Any]]) -> None:
    _, found = told
    assert {(c["task"], c["metric"]) for c in found["contrasts"]} == {
        (task, metric) for task in ("all", "new") for metric in ("ndcg@20", "recall@20", "revenue@20")
    }
    assert {"all", "cold"} <= {c["segment"] for c in found["contrasts"]}
    assert {overlap["task"] for overlap in found["overlaps"]} == {"all", "new"}


def test_shoppers_are_named_on_the_terminal_and_in_no_file(told: tuple[str, dict[str, Any]]) -> None:
    said, found = told
    assert "u:garden-" in said or "u:kitchen-" in said
    assert "u:" not in json.dumps(found)
    assert found["examples"][0]["lists"][0][0]["title"]


def test_the_other_way_round_every_difference_has_the_other_sign(
    endcap: Endcap, worse: str, told: tuple[str, dict[str, Any]]
) -> None:
    ran = endcap("compare", worse, "champion", *TEMPORAL, "--json", "-")
    there, back = told[1]["contrasts"], json.loads(ran.stdout)["contrasts"]
    for one, other in zip(there, back, strict=True):
        assert one["difference"]["value"] == pytest.approx(-other["difference"]["value"])
        assert (one["gained"], one["lost"]) == (other["lost"], other["gained"])


def test_the_same_comparison_says_the_same(endcap: Endcap, worse: str, told: tuple[str, dict[str, Any]]) -> None:
    ran = endcap("compare", "champion", worse, *TEMPORAL, "--json", "-")
    assert json.loads(ran.stdout) == told[1]


@pytest.mark.parametrize(
    ("a", "b", "more", "message"),
    [
        ("2020-01-01T0000Z-abcd", "champion", (), "is neither a training file nor a bundle in"),
        ("no-such.toml", "champion", (), "no-such.toml cannot be read"),
        ("champion", "{same}", (), "are the same recipe, there is nothing to compare"),
        ("champion", "{worse}", ("--as-published",), "is a training file; --as-published compares bundles"),
        ("champion", "champion", ("--as-published",), "no event is later than"),
        (
            "champion",
            "champion",
            ("--as-published", "--protocol", "next-item"),
            "goes with --protocol temporal",
        ),
        ("champion", "{worse}", ("--protocol", "tempral"), "there is no protocol 'tempral'"),
        ("champion", "{worse}", ("--json", "nowhere/out.json"), "the folder of nowhere/out.json is not there"),
        ("{broken}", "champion", (), "there is no key min_shopper; did you mean 'min_shoppers'?"),
        ("champion", "{unfit}", (), "unfit.toml cannot be fitted on what comes before the test: no source learned"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(
    endcap: Endcap, recipes: dict[str, str], a: str, b: str, more: tuple[str, ...], message: str
) -> None:
    ran = endcap("compare", a.format(**recipes), b.format(**recipes), *more)
    assert ran.exit_code == 1, ran.output
    assert message in ran.stderr.replace("\n", " ")
    assert ran.exception is None or isinstance(ran.exception, SystemExit)


def test_without_a_bundle_there_is_no_champion(tmp_path: Path, worse: str) -> None:
    ran = endcap_in(tmp_path)("compare", "champion", worse)
    assert ran.exit_code == 1
    assert "no bundle is published in" in ran.stderr


def test_two_bundles_are_compared_as_they_are_on_days_that_neither_has_seen(tmp_path: Path, worse: str) -> None:
    endcap, bundles, later = endcap_in(tmp_path), PublishedBundles(tmp_path / "bundles"), datetime.now(UTC) - NOW
    database = open_database(f"sqlite:///{tmp_path / 'endcap.sqlite3'}")
    stock(
        database, changed(corner_shop(), lambda events: events.filter(pl.col("ts") < NOW - timedelta(days=14))), later
    )
    (tmp_path / "training.toml").write_text(CONFIG)
    assert endcap("train", "--config", str(tmp_path / "training.toml")).exit_code == 0
    assert endcap("train", "--config", worse, "--force", "a rival").exit_code == 0
    # By name two bundles of one second lie in any order: the recipe says which one is which.
    better, rival = sorted(bundles.versions(), key=lambda version: -len(bundles.manifest(version).recipe["sources"]))
    unseen = endcap("compare", better, rival, "--as-published")
    assert "no event is later than" in unseen.stderr
    stock(database, corner_shop(), later)
    database.close()
    ran = endcap("compare", better, rival, "--as-published", *TEMPORAL, "--json", "-")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    seen_us = max(bundles.manifest(version).data.until_us for version in (better, rival))
    assert datetime.fromisoformat(found["cutoff"]).timestamp() == pytest.approx(seen_us / 1e6)
    first = found["contrasts"][0]
    assert (first["task"], first["metric"]) == ("all", "ndcg@20")
    assert first["difference"]["value"] > 0
    early = endcap("compare", better, rival, "--as-published", "--cutoff", "-28d")
    assert early.exit_code == 1
    assert "until when one of the bundles has seen everything" in early.stderr
