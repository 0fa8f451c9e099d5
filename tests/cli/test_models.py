"""endcap models: which bundles there are, and which one answers."""

import re
from pathlib import Path

import pytest

from store.bundles.published import PublishedBundles
from tests.cli.conftest import Endcap, endcap_in
from tests.store.bundles.drafts import written

OLD, OLDER = "2020-01-02T000000Z-0000", "2020-01-01T000000Z-0000"


@pytest.fixture
def home(own_home: Path) -> Path:
    """The trained home with two older bundles."""
    for version in (OLDER, OLD):
        written(own_home / "bundles", version)
    return own_home


@pytest.fixture
def run(home: Path) -> Endcap:
    return endcap_in(home)


def newest(home: Path) -> str:
    return PublishedBundles(home / "bundles").versions()[-1]


def test_the_list_names_every_bundle_the_newest_last_and_the_champion(run: Endcap, home: Path) -> None:
    run("models", "promote", OLD)
    lines = [line for line in run("models", "list").output.splitlines() if re.search(r"Z-[0-9a-f]{4}", line)]
    assert [line.split()[0] for line in lines] == [OLDER, OLD, newest(home)]
    assert ["champion" in line for line in lines] == [False, True, False]
    assert ["rollback" in line for line in lines] == [False, False, True]
    assert re.search(r"0\.\d{4}", lines[-1])


def test_without_bundles_the_list_is_empty(tmp_path: Path) -> None:
    ran = endcap_in(tmp_path)("models", "list")
    assert ran.exit_code == 0
    assert not re.search(r"\d{4}-\d\d-\d\dT", ran.output)


def test_a_bundle_that_is_refused_says_so_in_the_list(run: Endcap, home: Path) -> None:
    (home / "bundles" / OLD / "manifest.json").write_text('{"schema_version": 9}')
    ran = run("models", "list")
    assert ran.exit_code == 0
    assert re.search(rf"{OLD} .* refused", ran.output)
    assert f"bundle {OLD} has schema version 9, this Endcap reads up to 2; upgrade Endcap, or roll back" in ran.output
    assert newest(home) in ran.output


def test_a_champion_file_that_is_damaged_hides_no_bundle(run: Endcap, home: Path) -> None:
    (home / "bundles/champion.json").write_text("{")
    ran = run("models", "list")
    assert ran.exit_code == 0
    assert "run `endcap models promote VERSION`" in ran.output
    assert OLD in ran.output
    assert run("models", "promote", OLD).exit_code == 0
    assert run("models", "show").exit_code == 0


def test_show_describes_the_champion_or_the_bundle_that_is_named(run: Endcap, home: Path) -> None:
    shown = run("models", "show").output
    assert newest(home) in shown
    assert "1,008 events of 28 shoppers" in shown
    assert "item_knn, buy_again, popular" in shown
    assert "new learned nothing" in shown
    assert re.search(r"ndcg@20 on all 0\.\d{4}, ndcg@20 on new 0\.\d{4} \(temporal", shown)
    assert re.search(r"publish +20\d\d", shown)
    assert OLD in run("models", "show", OLD).output


def test_report_says_where_the_page_of_a_bundle_is_or_copies_it(run: Endcap, home: Path, tmp_path: Path) -> None:
    page = home / "bundles" / newest(home) / "report.html"
    assert run("models", "report").output.strip() == str(page)
    assert newest(home) in page.read_text()
    assert (page.parent / "report.json").is_file()
    copy = tmp_path / "for-the-boss.html"
    assert run("models", "report", newest(home), "--out", str(copy)).output.strip() == str(copy)
    assert copy.read_bytes() == page.read_bytes()


def test_a_report_that_is_not_there_or_cannot_be_copied_is_said(run: Endcap, tmp_path: Path) -> None:
    assert f"bundle {OLD} has no report" in run("models", "report", OLD).output
    assert "choose another --out" in run("models", "report", "--out", str(tmp_path / "no" / "x.html")).output


def test_promote_and_rollback_change_the_champion_and_keep_the_reason(run: Endcap, home: Path) -> None:
    latest = newest(home)
    promoted = run("models", "promote", OLD, "--reason", "the new one [sells] less")
    assert promoted.exit_code == 0
    assert f"{OLD} is the champion; `endcap models rollback` goes back to {latest}" in promoted.output
    assert "the new one [sells] less" in run("models", "show").output
    back = run("models", "rollback")
    assert f"{latest} is the champion again" in back.output
    assert f"{OLD} is the champion again" in run("models", "rollback").output


def test_the_first_promoted_bundle_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    written(tmp_path / "bundles", OLD)
    endcap = endcap_in(tmp_path)
    promoted = endcap("models", "promote", OLD)
    assert f"{OLD} is the champion" in promoted.output
    assert "None" not in promoted.output
    assert endcap("models", "rollback").exit_code == 1


def test_prune_deletes_the_oldest_but_never_champion_or_rollback(run: Endcap, home: Path) -> None:
    run("models", "promote", OLDER)
    ran = run("models", "prune", "--keep", "1")
    assert ran.exit_code == 0
    assert f"deleted 1: {OLD}" in ran.output
    assert PublishedBundles(home / "bundles").versions() == [OLDER, newest(home)]
    assert "nothing to delete" in run("models", "prune", "--keep", "1").output


@pytest.mark.parametrize("keep", ["0", "-1"])
def test_to_keep_none_is_refused(keep: str, run: Endcap) -> None:
    ran = run("models", "prune", "--keep", keep)
    assert ran.exit_code == 1
    assert f"--keep is {keep}; keep at least 1" in ran.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", "nothing"), "there is no bundle 'nothing'"),
        (("show", "nothing"), "there is no bundle 'nothing'"),
        (("rollback",), "there is nothing to roll back to"),
    ],
)
def test_what_is_not_there_is_refused_with_where_to_look(arguments: tuple[str, ...], said: str, run: Endcap) -> None:
    ran = run("models", *arguments)
    assert ran.exit_code == 1
    assert said in ran.output
    assert "endcap models list" in ran.output


def test_before_the_first_training_show_says_to_train(tmp_path: Path) -> None:
    ran = endcap_in(tmp_path)("models", "show")
    assert ran.exit_code == 1
    assert "run `endcap train`" in ran.output


@pytest.mark.parametrize(
    ("name", "left", "said"),
    [("report.html", b"<html>", "report.html has 6 bytes"), ("report.json", None, "lacks its file report.json")],
)
def test_a_report_that_was_changed_or_lost_since_it_was_made_is_not_handed_out(
    name: str, left: bytes | None, said: str, run: Endcap, home: Path
) -> None:
    path = home / "bundles" / newest(home) / name
    kept = path.read_bytes()
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    try:
        assert said in run("models", "report").output
    finally:
        path.write_bytes(kept)
