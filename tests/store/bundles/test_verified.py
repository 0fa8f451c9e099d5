"""Checksums are compared once per host, and again for whatever was touched since."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import BundleError
from store.bundles import verified as verified_module
from store.bundles.manifest import MANIFEST, Manifest, verify_files
from store.bundles.verified import open_verified
from tests.store.bundles.drafts import written


class Counting:
    """Compares checksums, and knows how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path, manifest: Manifest) -> None:
        self.times += 1
        verify_files(folder, manifest)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(verified_module, "verify_files", counting)
    return counting


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "bundles")


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    return tmp_path / "home" / "verified"


def test_the_second_to_open_a_bundle_reads_no_file_for_its_checksum(
    compared: Counting, folder: Path, stamps: Path
) -> None:
    versions = {open_verified(folder, stamps).manifest.version for _ in range(3)}
    assert (versions, compared.times) == ({folder.name}, 1)


def test_of_many_at_once_one_compares_and_the_others_wait(compared: Counting, folder: Path, stamps: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: open_verified(folder, stamps), range(4)))
    assert compared.times == 1


def flip(path: Path) -> None:
    """Change a byte, and set the time of the change back: the size and the modification time stay what they were."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_another(path: Path) -> None:
    path.with_suffix(".other").write_bytes(path.read_bytes()[:-1] + b"?")
    path.with_suffix(".other").rename(path)


def put_another_beside(path: Path) -> None:
    path.with_suffix(".other").touch()


@pytest.mark.parametrize("tamper", [flip, replace_by_another, Path.unlink, put_another_beside])
def test_a_file_that_was_touched_after_the_stamp_is_refused(
    tamper: Callable[[Path], None], folder: Path, stamps: Path
) -> None:
    open_verified(folder, stamps)
    tamper(folder / "catalogue/prices.npy")
    for _ in range(2):
        with pytest.raises(BundleError, match=r"catalogue/prices\.(npy|other)"):
            open_verified(folder, stamps)


def test_a_bundle_that_is_mended_opens_again(compared: Counting, folder: Path, stamps: Path) -> None:
    good = (folder / "catalogue/prices.npy").read_bytes()
    flip(folder / "catalogue/prices.npy")
    with pytest.raises(BundleError):
        open_verified(folder, stamps)
    (folder / "catalogue/prices.npy").write_bytes(good)
    assert open_verified(folder, stamps).manifest.version == folder.name
    assert compared.times == 2


def test_a_manifest_that_was_written_anew_is_held_against_the_files(folder: Path, stamps: Path) -> None:
    open_verified(folder, stamps)
    path = folder / MANIFEST
    path.write_text(path.read_text("utf-8").replace('"sha256": "', '"sha256": "0', 1), "utf-8")
    with pytest.raises(BundleError, match="has another sha256"):
        open_verified(folder, stamps)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"folder": 7}', b"\xff"])
def test_a_stamp_that_says_nothing_is_not_believed(
    content: bytes, compared: Counting, folder: Path, stamps: Path
) -> None:
    open_verified(folder, stamps)
    [stamp] = stamps.glob("*.json")
    stamp.write_bytes(content)
    open_verified(folder, stamps)
    assert compared.times == 2


def test_without_a_place_for_stamps_checksums_are_compared_each_time(compared: Counting, folder: Path) -> None:
    no_folder = folder.parent / "a-file"
    no_folder.touch()
    for _ in range(2):
        open_verified(folder, no_folder)
    assert compared.times == 2


def test_stamps_of_bundles_that_were_deleted_go(folder: Path, stamps: Path) -> None:
    open_verified(folder, stamps)
    shutil.rmtree(folder)
    open_verified(written(folder.parent, "2026-11-03T000000Z-0000"), stamps)
    assert len(list(stamps.glob("*.json"))) == 1
