"""The champion changes in one step, or not at all; nothing that is needed is deleted."""

import json
import os
import signal
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from models.errors import BundleError, BusyError, StoreError
from store.bundles.manifest import MANIFEST
from store.bundles.published import Pointer, PublishedBundles
from tests.store.bundles.accidents import files_of_at_most, forked, killed_at_sync, left_behind, waited
from tests.store.bundles.drafts import written

VERSIONS = [f"2026-11-0{day}T000000Z-0000" for day in range(1, 6)]
ONE, TWO, THREE, FOUR, FIVE = VERSIONS


@pytest.fixture
def bundles(tmp_path: Path) -> PublishedBundles:
    """Five bundles, none of them published."""
    for version in VERSIONS:
        written(tmp_path, version)
    return PublishedBundles(tmp_path)


def roles(bundles: PublishedBundles) -> tuple[str | None, str | None]:
    pointer = bundles.pointer()
    assert pointer is not None
    return pointer.champion, pointer.rollback


def test_before_anything_is_published_there_is_no_champion(tmp_path: Path) -> None:
    bundles = PublishedBundles(tmp_path / "not there yet")
    assert bundles.pointer() is None
    assert bundles.versions() == []
    with pytest.raises(BundleError, match=r"no bundle is published in .*; run `endcap train`"):
        bundles.champion()
    with pytest.raises(BundleError, match="there is nothing to roll back to"):
        bundles.rollback(at="now")


def test_versions_are_complete_bundles_the_oldest_first(bundles: PublishedBundles) -> None:
    (bundles.root / TWO / MANIFEST).unlink()
    (bundles.root / THREE).rename(bundles.root / f".writing-{THREE}-1")
    (bundles.root / "a-file").touch()
    assert bundles.versions() == [ONE, FOUR, FIVE]


@pytest.mark.parametrize("version", ["2030-01-01T000000Z-0000", "../bundles", "", ".", "champion.json"])
def test_a_bundle_that_is_not_there_cannot_be_promoted(version: str, bundles: PublishedBundles) -> None:
    with pytest.raises(BundleError, match=r"there is no bundle .*; see `endcap models list`"):
        bundles.promote(version, at="now")


def test_the_old_champion_becomes_the_rollback_and_back_again(bundles: PublishedBundles) -> None:
    bundles.promote(ONE, at="1")
    assert roles(bundles) == (ONE, None)
    bundles.promote(TWO, at="2")
    assert roles(bundles) == (TWO, ONE)
    assert bundles.champion().manifest.version == TWO
    bundles.promote(TWO, at="3")
    assert roles(bundles) == (TWO, ONE), "to promote the champion again keeps the way back"
    bundles.rollback(at="4")
    assert roles(bundles) == (ONE, TWO)
    bundles.rollback(at="5")
    assert roles(bundles) == (TWO, ONE)


def test_every_decision_is_kept_with_its_reason(bundles: PublishedBundles) -> None:
    bundles.promote(ONE, at="1", action="publish", reason="the gate was wrong, see the call of Monday, René")
    bundles.promote(TWO, at="2")
    bundles.rollback(at="3", reason="complaints")
    pointer = bundles.pointer()
    assert pointer is not None
    assert [(one.at, one.action, one.version, one.reason) for one in pointer.decisions] == [
        ("1", "publish", ONE, "the gate was wrong, see the call of Monday, René"),
        ("2", "promote", TWO, ""),
        ("3", "rollback", ONE, "complaints"),
    ]


@pytest.mark.parametrize("keep", range(1, 7))
def test_pruning_keeps_the_newest_and_never_deletes_the_champion_or_its_rollback(
    keep: int, bundles: PublishedBundles
) -> None:
    bundles.promote(ONE, at="1")
    bundles.promote(THREE, at="2")
    kept = {ONE, THREE, *VERSIONS[-keep:]}
    deleted = bundles.prune(keep)
    assert set(deleted) == set(VERSIONS) - kept
    assert set(bundles.versions()) == kept
    assert left_behind(bundles.root) == {*kept, "champion.json"}
    assert bundles.prune(keep) == []
    bundles.rollback(at="3")


def test_pruning_ends_what_a_killed_one_began(bundles: PublishedBundles) -> None:
    bundles.promote(FIVE, at="1")
    (bundles.root / ONE).rename(bundles.root / f".deleting-{ONE}")
    assert bundles.prune(5) == []
    assert left_behind(bundles.root) == {*VERSIONS[1:], "champion.json"}


def lose_a_file(folder: Path) -> None:
    (folder / "catalogue/prices.npy").unlink()


def lose_a_source(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["sources"]["crystal_ball"] = manifest["sources"]["popular"]
    (folder / MANIFEST).write_text(json.dumps(manifest))


def lose_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")


@pytest.mark.parametrize("damage", [lose_a_file, lose_a_source, lose_the_manifest])
def test_a_bundle_that_does_not_open_is_not_promoted_and_the_champion_stays(
    damage: Callable[[Path], None], bundles: PublishedBundles
) -> None:
    bundles.promote(ONE, at="1")
    bundles.promote(TWO, at="2")
    before = (bundles.root / "champion.json").read_bytes()
    damage(bundles.root / THREE)
    with pytest.raises(BundleError, match=THREE):
        bundles.promote(THREE, at="3")
    damage(bundles.root / ONE)
    with pytest.raises(BundleError, match=ONE):
        bundles.rollback(at="4")
    assert (bundles.root / "champion.json").read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", '{"champion": 7}', '{"champion": "a", "who": "b"}', "\x00"])
def test_a_damaged_champion_file_is_named_and_promoting_writes_it_anew(content: str, bundles: PublishedBundles) -> None:
    (bundles.root / "champion.json").write_text(content)
    with pytest.raises(BundleError, match=r"champion.json .*run `endcap models promote VERSION`"):
        bundles.champion()
    with pytest.raises(BundleError, match=r"champion.json"):
        bundles.prune(1)
    assert bundles.versions() == VERSIONS
    bundles.promote(TWO, at="now")
    assert bundles.champion().manifest.version == TWO


def test_a_process_killed_at_any_moment_of_promoting_leaves_the_old_champion_or_the_new_one(
    bundles: PublishedBundles,
) -> None:
    bundles.promote(ONE, at="1")
    found = []
    for sync in count():
        done = killed_at_sync(lambda: bundles.promote(TWO, at="2"), sync)
        found.append(bundles.champion().manifest.version)
        if done:
            break
    assert found == [ONE, TWO, TWO], "killed before the file was safe, before its name was, and not at all"


def test_a_full_disk_leaves_the_old_champion(bundles: PublishedBundles) -> None:
    bundles.promote(ONE, at="1")
    with (
        files_of_at_most(40),
        pytest.raises(StoreError, match=r"cannot write .*champion.json; the champion is unchanged: .*room on the disk"),
    ):
        bundles.promote(TWO, at="2")
    assert roles(bundles) == (ONE, None)
    assert left_behind(bundles.root) == {*VERSIONS, "champion.json"}


def test_processes_that_promote_at_once_wait_for_each_other_and_lose_no_decision(bundles: PublishedBundles) -> None:
    bundles.promote(ONE, at="0")

    def promote_often(version: str) -> None:
        for _ in range(10):
            bundles.promote(version, at=version)

    children = [forked(partial(promote_often, version)) for version in (TWO, THREE)]
    seen = set()
    for _ in range(200):
        pointer = bundles.pointer()
        assert pointer is not None
        seen.add(pointer.champion)
    assert [waited(child) for child in children] == [0, 0]
    assert seen <= {ONE, TWO, THREE}
    pointer = bundles.pointer()
    assert pointer is not None
    assert [one.version for one in pointer.decisions].count(TWO) == 10
    assert [one.version for one in pointer.decisions].count(THREE) == 10
    last, *_ = (one.version for one in reversed(pointer.decisions) if one.version != pointer.champion)
    assert pointer.rollback == last


def test_only_one_trains_and_the_other_hears_who(bundles: PublishedBundles) -> None:
    half = bundles.root / f".writing-{ONE}-1"
    with bundles.training():
        half.mkdir()
        other = PublishedBundles(bundles.root)
        with pytest.raises(BusyError, match=f"process {os.getpid()} holds the training lock of {bundles.root}; wait"):
            other.training().__enter__()
        assert half.exists(), "what a living process writes is left alone"
    with other.training():
        assert not half.exists(), "nobody writes any more"


def test_the_lock_of_a_killed_training_is_free(bundles: PublishedBundles) -> None:
    read, write = os.pipe()

    def train_forever() -> None:
        with bundles.training():
            os.write(write, b".")
            signal.pause()

    child = forked(train_forever)
    os.read(read, 1)
    with pytest.raises(BusyError, match=f"process {child} "):
        bundles.training().__enter__()
    os.kill(child, signal.SIGKILL)
    assert waited(child) == -signal.SIGKILL
    with bundles.training():
        pass


def test_the_champion_file_can_be_read_by_whoever_may_read_the_bundles(bundles: PublishedBundles) -> None:
    bundles.promote(ONE, at="1")
    mode = (bundles.root / "champion.json").stat().st_mode
    assert mode == (bundles.root / ONE / MANIFEST).stat().st_mode


def test_the_newest_thousand_decisions_are_kept(bundles: PublishedBundles) -> None:
    bundles.promote(ONE, at="first")
    pointer = bundles.pointer()
    assert pointer is not None
    many = pointer.model_copy(update={"decisions": pointer.decisions * 1_000})
    (bundles.root / "champion.json").write_text(Pointer.model_dump_json(many))
    kept = bundles.promote(TWO, at="last").decisions
    assert len(kept) == 1_000
    assert kept[-1].at == "last"
