"""endcap tune: from a database to a better training file."""

from pathlib import Path

import pytest

from tests.cli.conftest import endcap_in
from training.config import read_recipe

SMALL = "min_shoppers = 2\nhorizon_days = 14\n[sources]\npopular = { half_life_days = 100.0 }\nitem_knn = {}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_study_is_begun_told_resumed_and_refused_to_another_configuration(own_home: Path, config: Path) -> None:
    endcap, output = endcap_in(own_home), own_home / "tuned.toml"
    arguments = ("tune", "--config", str(config), "--only", "popular", "--output", str(output), "--processes", "1")
    begun = endcap(*arguments, "--trials", "1")
    assert begun.exit_code == 0, begun.output
    assert "study tuning: sources.popular.half_life_days; temporal, on what comes before the test" in begun.stdout
    for words in ("trial 0: ", "trial 1: ", "; best "):
        assert words in begun.stdout
    resumed = endcap(*arguments, "--trials", "1")
    assert "trial 2: " in resumed.stdout
    assert "trial 1: " not in resumed.stdout
    if output.exists():
        assert read_recipe(output).horizon_days == 14
        assert output.read_text().startswith("# endcap tune, ")
    else:
        assert "no better recipe in 3 complete" in resumed.stdout
    refused = endcap("tune", "--config", str(config), "--only", "item_knn", "--trials", "1")
    assert refused.exit_code == 1
    assert "endcap: the study tuning was begun with another search space" in refused.stderr
    assert sorted(path.name for path in (own_home / "studies").iterdir()) == [".tuning.lock", "tuning.journal"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "asl"), "there is nothing called 'asl' to tune; did you mean 'als'?"),
        (("--only", "als"), "the recipe has nothing of als"),
        (("--protocol", "tempral"), "there is no protocol 'tempral'"),
        (
            ("--output", "nowhere/tuned.toml"),
            "the folder of nowhere/tuned.toml is not there; make it, or choose another",
        ),
        (("--study", "../x"), "'../x' is no name"),
        (("--cutoff", "2001-01-01"), "choose a later --cutoff"),
        (("--config", "no-such.toml"), "no-such.toml cannot be read"),
    ],
)
def test_what_cannot_be_tuned_is_refused_and_leaves_nothing_behind(
    own_home: Path, config: Path, arguments: tuple[str, ...], message: str
) -> None:
    ran = endcap_in(own_home)("tune", "--config", str(config), "--trials", "1", *arguments)
    assert ran.exit_code == 1
    assert message in ran.stderr.replace("\n", " ")
    assert not (own_home / "studies").exists() or not list((own_home / "studies").iterdir())
    assert not Path("tuned.toml").exists()
