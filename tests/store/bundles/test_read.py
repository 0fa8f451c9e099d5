"""A bundle that opens answers as the recipe's own snapshot did; one that would not is refused by name and part."""

import hashlib
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.context import build_context
from models.errors import BundleError
from models.index import ExactIndex, read_index
from models.recommend import recommend
from models.sources import SOURCES
from store.bundles.manifest import MANIFEST
from store.bundles.read import memory_of, open_bundle
from store.bundles.write import write_bundle
from store.placements import read_placements
from tests.store.bundles.drafts import EVERY_SOURCE, draft_of, snapshot_of, world_named, written
from tests.worlds import every_world


@pytest.mark.parametrize("world_name", [EVERY_SOURCE, *(world.name for world in every_world())])
def test_an_opened_bundle_answers_exactly_as_the_snapshot_it_was_written_from(world_name: str, tmp_path: Path) -> None:
    world, draft = world_named(world_name), draft_of(world_name)
    kept, opened = snapshot_of(draft), open_bundle(write_bundle(tmp_path, draft)).snapshot
    assert set(opened.sources) == set(draft.learned)
    assert (opened.memory, opened.data_until_us, opened.version) == (draft.memory, world.now_us, draft.version)
    some_items = kept.vocabulary.ids[:2]
    for shopper in [None, *world.events["shopper"].unique(maintain_order=True)[:5]]:
        for placement in read_placements().values():
            for anchors in ((), some_items):
                answers = []
                for snapshot in (kept, opened):
                    context = build_context(
                        snapshot.vocabulary,
                        snapshot.memory,
                        now_us=world.now_us,
                        history=world.history(shopper),
                        anchor_ids=anchors,
                    )
                    answers.append(recommend(context, snapshot, placement, explain=True))
                for name in ("rows", "scores", "shares"):
                    before, after = (getattr(answer, name) for answer in answers)
                    assert np.array_equal(before, after, equal_nan=True)
                for rows, again in zip(*(answer.by_source.values() for answer in answers), strict=True):
                    assert np.array_equal(rows, again)


def test_the_world_of_every_source_is_that() -> None:
    assert set(draft_of(EVERY_SOURCE).learned) == set(SOURCES)


def test_the_memory_of_a_bundle_has_the_digest_that_stored_pasts_name(tmp_path: Path) -> None:
    assert memory_of(open_bundle(written(tmp_path)).manifest).digest() == draft_of("new item").memory.digest()


def test_a_bundle_over_a_newer_catalogue_answers_from_it(tmp_path: Path) -> None:
    bundle = open_bundle(written(tmp_path))
    newer = replace(bundle.snapshot.catalogue, in_stock=np.zeros(len(bundle.snapshot.catalogue), np.bool_))
    assert bundle.with_catalogue(newer).catalogue is newer
    assert bundle.with_catalogue(newer).sources is bundle.snapshot.sources


def test_arrays_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    prices = open_bundle(written(tmp_path)).snapshot.catalogue.prices
    assert isinstance(prices.base, np.memmap)
    assert not prices.flags.writeable


# What somebody or something does to a bundle afterwards, and the file or part that the refusal must name.


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = ["catalogue/item_ids.json", "catalogue/prices.npy", "sources/als/index.faiss", "rankers/similar.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("damage", "said"), [(truncate, "truncated"), (flip, "tampered with"), (Path.unlink, "lacks its file")]
)
def test_a_damaged_file_is_named(name: str, damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    folder = written(tmp_path)
    damage(folder / name)
    with pytest.raises(BundleError, match=rf"{folder.name}.*{said}") as refused:
        open_bundle(folder)
    assert name in str(refused.value)


def test_a_file_that_the_manifest_does_not_know_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "sources/als/more.npy").write_bytes(b"")
    with pytest.raises(BundleError, match=rf"{folder.name}.*does not know: sources/als/more.npy"):
        open_bundle(folder)


def rewritten(folder: Path, **changes: object) -> None:
    """Change the manifest by hand."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_a_bundle_of_a_later_schema_is_refused_before_its_content_is_looked_at(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / MANIFEST).write_text('{"schema_version": 3, "anything": "else"}')
    with pytest.raises(BundleError, match=rf"{folder.name} has schema version 3, this Endcap reads up to 2; upgrade"):
        open_bundle(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "\x00", "{}", '{"schema_version": 0}'])
def test_a_manifest_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / MANIFEST).write_text(content)
    with pytest.raises(BundleError, match=rf"{MANIFEST} of bundle {folder.name}"):
        open_bundle(folder)


def test_a_manifest_with_a_key_of_another_time_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    rewritten(folder, moon="full")
    with pytest.raises(BundleError, match=rf"{folder.name} is wrong at moon"):
        open_bundle(folder)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / MANIFEST).unlink()
    with pytest.raises(BundleError, match=rf"{folder} is no bundle"):
        open_bundle(folder)


def test_a_renamed_bundle_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    renamed = folder.rename(tmp_path / "2030-01-01T000000Z-ffff")
    with pytest.raises(BundleError, match=rf"{renamed.name} says that it is {folder.name}"):
        open_bundle(renamed)


# The same with every sha256 corrected: somebody who can compute one is not stopped by it, but bad arithmetic is.


def corrected(folder: Path) -> None:
    """Make the manifest's files those that are there."""
    files = json.loads((folder / MANIFEST).read_bytes())["files"]
    for name in list(files):
        if not (folder / name).exists():
            del files[name]
            continue
        content = (folder / name).read_bytes()
        files[name] |= {"sha256": hashlib.sha256(content).hexdigest(), "n_bytes": len(content)}
        with suppress(ValueError):
            array = np.load(folder / name, allow_pickle=False)
            files[name] |= {"shape": array.shape, "dtype": array.dtype.str}
    rewritten(folder, files=files)


def shorten_json(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes())[:-1]))


def lengthen(path: Path) -> None:
    array = np.load(path)
    np.save(path, np.concatenate([array, array]))


def shift_rows(path: Path) -> None:
    rows = np.load(path)
    rows[-1] += 1_000
    np.save(path, rows)


def lengthen_index(path: Path) -> None:
    ExactIndex.of(np.tile(read_index(path).vectors, (9, 1))).save(path)


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}] * len(np.load(path))), allow_pickle=True)


class Exploding:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was loaded",)


def explode(path: Path) -> None:
    path.write_bytes(pickle.dumps(Exploding()))


def repeat_an_id(path: Path) -> None:
    ids = json.loads(path.read_bytes())
    path.write_text(json.dumps([ids[0], *ids[:-1]]))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("catalogue/item_ids.json", shorten_json),
        ("catalogue/item_ids.json", repeat_an_id),
        ("catalogue/titles.json", shorten_json),
        ("catalogue/categories.json", shorten_json),
        ("catalogue/in_stock.npy", lengthen),
        ("catalogue/prices.npy", pickled),
        ("catalogue/prices.npy", Path.unlink),
        ("sources/als/index.faiss", lengthen_index),
        ("sources/content/index.faiss", Path.unlink),
        ("sources/content/index.faiss", truncate),
        ("sources/item_knn/rows.npy", lengthen),
        ("sources/item_knn/rows.npy", shift_rows),
        ("sources/item_knn/rows.npy", Path.unlink),
        ("sources/popular/rows.npy", shift_rows),
        ("sources/popular/rows.npy", pickled),
        ("sources/popular/rows.npy", explode),
        ("sources/trending/scores.npy", lengthen),
        ("sources/new/rows.npy", shift_rows),
        ("rankers/personal.json", truncate),
        ("rankers/personal.json", Path.unlink),
    ],
)
def test_what_does_not_fit_together_is_refused_although_every_checksum_is_right(
    name: str, change: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = written(tmp_path, world_name=EVERY_SOURCE)
    change(folder / name)
    corrected(folder)
    with pytest.raises(BundleError, match=f"{folder.name} does not fit together at {Path(name).parts[0]}"):
        open_bundle(folder)


def test_a_source_that_this_version_does_not_know_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    rewritten(folder, sources=manifest["sources"] | {"crystal_ball": {"settings": {}, "has_index": False}})
    with pytest.raises(BundleError, match=rf"{folder.name}.*sources/crystal_ball.*does not know the source; upgrade"):
        open_bundle(folder)


def test_whoever_verified_before_may_skip_the_checksums(tmp_path: Path) -> None:
    folder = written(tmp_path)
    prices = folder / "catalogue/prices.npy"
    np.save(prices, np.load(prices) + 1)
    assert open_bundle(folder, verify=False).snapshot.version == folder.name


def test_without_checksums_an_array_of_another_shape_is_still_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    lengthen(folder / "sources/new/rows.npy")
    with pytest.raises(BundleError, match=r"sources/new/rows.npy is <i4\(4,\), not <i4\(2,\)"):
        open_bundle(folder, verify=False)
