"""Write a bundle: into a folder that nobody looks at, every byte on disk, the manifest last, then one rename."""

import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.catalogue import COLUMNS, Catalogue
from models.errors import BundleError, StoreError
from models.events import EVENT_TYPES
from models.history import Memory
from models.placement import Task
from models.rank import Blend, LogisticSum
from models.sources.base import Learned
from store.bundles.manifest import MANIFEST, DataWindow, FileEntry, Manifest, MemoryEntry, SourceEntry, sha256_of


@dataclass(frozen=True)
class Draft:
    """All that a bundle will hold."""

    version: str
    created_at: str
    endcap_version: str
    catalogue: Catalogue
    """In bundle rows."""
    n_warm: int
    memory: Memory
    learned: Mapping[str, Learned]
    left_out: Mapping[str, str]
    rankers: Mapping[Task, Blend]
    recipe: dict[str, Any]
    data: DataWindow
    metrics: dict[str, Any]


def write_bundle(root: Path, draft: Draft) -> Path:
    """Write a bundle under `root` and return its folder, which holds all of it or does not exist.

    Raises StoreError when the disk is full or cannot be written: nothing is left behind.
    """
    target = root / draft.version
    writing = root / f".writing-{draft.version}-{os.getpid()}"
    try:
        writing.mkdir(parents=True)
        _write_files(writing, draft)
        if target.exists():
            raise BundleError(f"bundle {draft.version} exists; a bundle is never written twice, train again")
        writing.rename(target)
        sync_folder(root)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise StoreError(
            f"cannot write bundle {draft.version} in {root}: {reason}; free space (`endcap models prune --keep 2`) "
            "and train again. The champion is unchanged"
        ) from error
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return target


def _write_files(folder: Path, draft: Draft) -> None:
    _write_catalogue(folder / "catalogue", draft.catalogue)
    for name, learned in draft.learned.items():
        _write_source(folder / "sources" / name, learned)
    for task, blend in draft.rankers.items():
        _write_json(folder / "rankers" / f"{task}.json", _as_json(blend))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        _sync_file(path)
    manifest = Manifest(
        version=draft.version,
        created_at=draft.created_at,
        endcap_version=draft.endcap_version,
        n_items=len(draft.catalogue),
        n_warm=draft.n_warm,
        memory=MemoryEntry(
            weights=dict(zip(EVENT_TYPES, draft.memory.weights, strict=True)),
            half_life_days=draft.memory.half_life_days,
            recent_events=draft.memory.recent_events,
        ),
        sources={
            name: SourceEntry(settings=learned.settings, has_index=learned.index is not None)
            for name, learned in draft.learned.items()
        },
        left_out=dict(draft.left_out),
        rankers=tuple(draft.rankers),
        recipe=draft.recipe,
        data=draft.data,
        metrics=draft.metrics,
        files={str(path.relative_to(folder)): _entry(path) for path in paths},
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1))
    _sync_file(folder / MANIFEST)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_folder(path)


def _write_catalogue(folder: Path, catalogue: Catalogue) -> None:
    folder.mkdir(parents=True)
    _write_json(folder / "item_ids.json", catalogue.vocabulary.ids)
    _write_json(folder / "titles.json", catalogue.titles)
    _write_json(folder / "categories.json", catalogue.categories)
    for name in COLUMNS:
        np.save(folder / f"{name}.npy", getattr(catalogue, name), allow_pickle=False)


def _write_source(folder: Path, learned: Learned) -> None:
    folder.mkdir(parents=True)
    for name, array in learned.arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    if learned.index is not None:
        learned.index.save(folder / "index.faiss")


def _as_json(blend: Blend) -> dict[str, Any]:
    return {"kind": "blend", "bought": _sum_as_json(blend.bought), "fresh": _sum_as_json(blend.fresh)}


def _sum_as_json(part: LogisticSum) -> dict[str, Any]:
    curves = {
        name: {**asdict(curve), "scores": curve.scores.tolist(), "log_odds": curve.log_odds.tolist()}
        for name, curve in part.calibrations.items()
    }
    return {"bias": part.bias, "calibrations": curves}


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False))


def _entry(path: Path) -> FileEntry:
    shape, dtype = None, None
    if path.suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, dtype = array.shape, array.dtype.str
    return FileEntry(sha256=sha256_of(path), n_bytes=path.stat().st_size, shape=shape, dtype=dtype)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names inside a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
