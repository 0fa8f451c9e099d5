"""A bundle is written whole or not at all, whatever the disk and the machine do meanwhile."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from models.errors import BundleError, StoreError
from store.bundles.manifest import MANIFEST
from store.bundles.published import PublishedBundles
from store.bundles.read import open_bundle
from store.bundles.write import write_bundle
from tests.store.bundles.accidents import files_of_at_most, killed_at_sync, left_behind
from tests.store.bundles.drafts import EVERY_SOURCE, draft_of, written

OLD, NEW = "2026-11-01T000000Z-0000", "2026-11-02T000000Z-0000"


@pytest.fixture
def bundles(tmp_path: Path) -> PublishedBundles:
    """A folder of bundles with a champion."""
    written(tmp_path, OLD)
    bundles = PublishedBundles(tmp_path)
    bundles.promote(OLD, at="then")
    return bundles


def test_the_manifest_knows_every_file_and_comes_last(tmp_path: Path) -> None:
    folder = written(tmp_path, world_name=EVERY_SOURCE)
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    manifest = files.pop(MANIFEST)
    assert set(json.loads(manifest.read_bytes())["files"]) == set(files)
    assert manifest.stat().st_mtime_ns >= max(path.stat().st_mtime_ns for path in files.values())


def test_the_files_are_of_open_formats(tmp_path: Path) -> None:
    folder = written(tmp_path, world_name=EVERY_SOURCE)
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".npy", ".faiss"}


def test_one_draft_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, world_name=EVERY_SOURCE) for name in ("one", "two"))
    for path in one.rglob("*"):
        assert path.is_dir() or path.read_bytes() == (two / path.relative_to(one)).read_bytes()


def test_a_bundle_is_never_written_twice(tmp_path: Path) -> None:
    folder = written(tmp_path)
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(BundleError, match=f"{folder.name} exists"):
        written(tmp_path)
    assert (folder / MANIFEST).read_bytes() == before
    assert left_behind(tmp_path) == {folder.name}


def test_a_disk_that_is_full_at_any_byte_leaves_nothing_behind_and_the_champion(
    bundles: PublishedBundles, tmp_path: Path
) -> None:
    draft = replace(draft_of(EVERY_SOURCE), version=NEW)
    whole = write_bundle(tmp_path / "elsewhere", draft)
    sizes = {path.stat().st_size for path in whole.rglob("*") if path.is_file()}
    champion = (bundles.root / "champion.json").read_bytes()
    before = left_behind(tmp_path)
    # One byte less than a file needs is where C's stdio, under numpy and FAISS, keeps silent.
    for n_bytes in sorted({0, 100, *(size - 1 for size in sizes)}):
        with (
            files_of_at_most(n_bytes),
            pytest.raises(StoreError, match=rf"cannot write bundle {NEW}.*free space.*The champion is unchanged"),
        ):
            write_bundle(tmp_path, draft)
        assert left_behind(tmp_path) == before
    assert (bundles.root / "champion.json").read_bytes() == champion
    with files_of_at_most(max(sizes)):
        assert open_bundle(write_bundle(tmp_path, draft))


def test_a_process_killed_at_any_moment_leaves_no_half_bundle(bundles: PublishedBundles) -> None:
    root, done, draft = bundles.root, False, replace(draft_of("new item"), version=NEW)
    for sync in count():
        done = killed_at_sync(lambda: write_bundle(root, draft), sync)
        assert bundles.champion().manifest.version == OLD
        assert bundles.versions() in ([OLD], [OLD, NEW])
        if NEW in bundles.versions():
            open_bundle(root / NEW)
            break
        with bundles.training():
            assert left_behind(root) == {OLD, "champion.json"}
    assert sync > 20
    assert not done, "the last to be killed had moved the bundle and not yet told the folder"


def test_a_folder_that_cannot_be_written_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=f"cannot write bundle {NEW} in .*: Not a directory"):
        written(tmp_path / "file", NEW)
