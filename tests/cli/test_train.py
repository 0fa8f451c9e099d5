"""endcap train, from a database to a published bundle."""

import re
from pathlib import Path

import pytest

from store.bundles.published import PublishedBundles
from tests.cli.conftest import CONFIG, endcap_in


def champion(home: Path) -> str:
    pointer = PublishedBundles(home / "bundles").pointer()
    assert pointer is not None
    return pointer.champion


def test_a_training_tells_its_steps_its_figures_what_it_published_and_what_to_do_next(trained_home: Path) -> None:
    said = (trained_home / "said").read_text()
    for step in ("read", "check", "judge the recipe", "fit on everything", "write the bundle", "store histories"):
        assert re.search(rf"^{step} \d+\.\d s$", said, re.MULTILINE), step
    assert "WARN new learned nothing" in said
    assert "temporal, task all" in said
    assert "popular recent" in said
    assert f"published {champion(trained_home)}; 28 histories stored" in said
    assert said.rstrip().endswith("next: endcap recommend --user ID --placement home")


def test_a_worse_recipe_is_refused_and_forced_with_a_reason_that_is_kept(own_home: Path, tmp_path: Path) -> None:
    endcap, before = endcap_in(own_home), champion(own_home)
    worse = tmp_path / "worse.toml"
    worse.write_text("min_shoppers = 2\nhorizon_days = 14\n[sources]\npopular = {}\n")
    refused = endcap("train", "--config", str(worse))
    assert refused.exit_code == 1
    assert "endcap: not published: ndcg@20" in refused.output
    assert "--force REASON" in refused.output
    assert champion(own_home) == before
    for blank in ("", "  "):
        unexplained = endcap("train", "--config", str(worse), "--force", blank)
        assert unexplained.exit_code == 1
        assert "--force needs a reason" in unexplained.output
    forced = endcap("train", "--config", str(worse), "--force", "a test [of/] the shelf")
    assert forced.exit_code == 0, forced.output
    assert champion(own_home) != before
    assert re.search(r"publish .*: a test \[of/\] the shelf", endcap("models", "show").output)


def test_without_events_it_says_how_to_bring_some_in(tmp_path: Path) -> None:
    ran = endcap_in(tmp_path)("train")
    assert ran.exit_code == 1
    assert "endcap: the database has no events; run `endcap import complete-journey`" in ran.output


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CONFIG.replace("min_shoppers", "min_shopper"), "no key min_shopper; did you mean 'min_shoppers'?"),
        (CONFIG.replace("item_knn", "item_nn"), "no source 'item_nn'; did you mean 'item_knn'?"),
        ("[", "cannot be read"),
    ],
)
def test_a_mistake_in_the_training_file_is_named_before_anything_is_read(
    config: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "training.toml"
    path.write_text(config)
    ran = endcap_in(tmp_path)("train", "--config", str(path))
    assert ran.exit_code == 1
    assert said in ran.output


def test_a_second_training_hears_who_trains(own_home: Path) -> None:
    with PublishedBundles(own_home / "bundles").training():
        ran = endcap_in(own_home)("train")
    assert ran.exit_code == 1
    assert "holds the training lock" in ran.output
    assert "wait for it to end" in ran.output
