"""Write a bundle: into a folder that nobody looks at, every byte on disk, the manifest last, then one rename."""

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.array_files import map_array, write_array
from models.catalogue import COLUMNS, Catalogue
from models.errors import BundleError, StoreError
from models.events import EVENT_TYPES
from models.facts import Facts
from models.history import Memory
from models.placement import Task
from models.rank import Ranker
from models.ready import READY_COLUMNS, ReadyRankings
from models.sources.base import Learned
from store.bundles.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    DataWindow,
    FileEntry,
    Manifest,
    Measured,
    MemoryEntry,
    SourceEntry,
    sha256_of,
)
from store.bundles.parts import write_json
from store.bundles.rankers import write_facts, write_ranker
from store.files import sync

WRITING = ".writing-"
"""Begins the name of a folder that is being written, or was when its process was killed."""


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
    rankers: Mapping[Task, Ranker]
    facts: Facts
    """What the learned ones among the rankers look at."""
    recipe: dict[str, Any]
    data: DataWindow
    metrics: Measured
    trees: Mapping[Task, str] = field(default_factory=dict)
    """By task, the text of the trees that a learned ranker was distilled from: kept for people, never read again."""
    ready: Mapping[str, ReadyRankings] = field(default_factory=dict)
    """By placement, whose name is a folder's name."""
    report: Mapping[str, bytes] = field(default_factory=dict)
    """Files for people, by name: what the bundle was measured to be worth. Nothing that answers reads them."""


def write_bundle(root: Path, draft: Draft) -> Path:
    """Write a bundle under `root` and return its folder, which holds all of it or does not exist.

    Raises StoreError when the disk is full or cannot be written: nothing is left behind. Only whoever holds the lock
    of `PublishedBundles.training` may write: the next to hold it removes what a killed process left.
    """
    target = root / draft.version
    writing = root / f"{WRITING}{draft.version}-{os.getpid()}"
    try:
        writing.mkdir(parents=True)
        _write_files(writing, draft)
        if target.exists():
            raise BundleError(f"bundle {draft.version} exists; a bundle is never written twice, train again")
        writing.rename(target)
        sync(root)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "the disk is full" if full else error.strerror or str(error)
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
    write_facts(folder, draft.facts)
    for task, ranker in draft.rankers.items():
        write_ranker(folder, task, ranker)
    for task, text in draft.trees.items():
        (folder / "rankers" / task / "trees.txt").write_text(text, "utf-8")
    for name, ready in draft.ready.items():
        _write_ready(folder / "ready" / name, ready)
    for name, content in draft.report.items():
        (folder / name).write_bytes(content)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        sync(path)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
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
    (folder / MANIFEST).write_bytes(manifest.model_dump_json(indent=1).encode())
    sync(folder / MANIFEST)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync(path)


def _write_catalogue(folder: Path, catalogue: Catalogue) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "item_ids.json", catalogue.vocabulary.ids)
    write_json(folder / "titles.json", catalogue.titles)
    write_json(folder / "categories.json", catalogue.categories)
    for name in COLUMNS:
        write_array(folder / f"{name}.npy", getattr(catalogue, name))


def _write_source(folder: Path, learned: Learned) -> None:
    folder.mkdir(parents=True)
    for name, array in learned.arrays.items():
        write_array(folder / f"{name}.npy", np.ascontiguousarray(array))
    if learned.index is not None:
        learned.index.save(folder / "index.faiss")


def _write_ready(folder: Path, ready: ReadyRankings) -> None:
    write_json(
        folder / "placement.json", {"task": ready.task, "ranked_by": ready.ranked_by, "sources": dict(ready.sources)}
    )
    for name in READY_COLUMNS:
        write_array(folder / f"{name}.npy", getattr(ready, name))


def _entry(path: Path) -> FileEntry:
    shape, dtype = None, None
    if path.suffix == ".npy":
        array = map_array(path)
        shape, dtype = array.shape, array.dtype.str
    return FileEntry(sha256=sha256_of(path), n_bytes=path.stat().st_size, shape=shape, dtype=dtype)
