"""Open a bundle: check it against its manifest, map its arrays, and give the snapshot that answers requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from models.catalogue import COLUMNS, Catalogue
from models.context import Context
from models.errors import BundleError
from models.events import EVENT_TYPES
from models.history import Memory
from models.index import read_index
from models.placement import Task
from models.rank import Blend, Calibration, LogisticSum
from models.snapshot import Snapshot
from models.sources import SOURCES
from models.sources.base import Learned, Source
from models.vocabulary import Vocabulary
from store.bundles.manifest import Manifest, read_manifest, verify_files


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    manifest: Manifest
    snapshot: Snapshot
    """With the catalogue as training saw it; `with_catalogue` gives a newer one."""

    def with_catalogue(self, catalogue: Catalogue) -> Snapshot:
        """Return a snapshot of this bundle over a newer catalogue, whose rows begin with the bundle's."""
        return Snapshot(**{**vars(self.snapshot), "catalogue": catalogue})


def open_bundle(folder: Path | str, *, verify: bool = True) -> Bundle:
    """Open the bundle in a folder; arrays are mapped, not read. Raises BundleError, naming what is wrong.

    verify: compare every file's sha256 first; whoever verified this folder on this host before may skip it.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if verify:
        verify_files(folder, manifest)
    try:
        catalogue = _read_catalogue(folder / "catalogue", manifest)
        sources = {name: _read_source(folder, name, manifest) for name in manifest.sources}
        rankers = {task: _read_blend(folder / "rankers" / f"{task}.json") for task in manifest.rankers}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"bundle {manifest.version} is inconsistent: {error!r}; roll back or train again") from error
    snapshot = Snapshot(
        version=manifest.version,
        catalogue=catalogue,
        sources=sources,
        rankers=cast("Mapping[Task, Blend]", rankers),
        memory=memory_of(manifest),
        data_until_us=manifest.data.until_us,
    )
    return Bundle(manifest, snapshot)


def memory_of(manifest: Manifest) -> Memory:
    """Return how events become weights in this bundle."""
    entry = manifest.memory
    weights = tuple(entry.weights.get(name, 0.0) for name in EVENT_TYPES)
    return Memory(weights, entry.half_life_days, entry.recent_events)


def _read_catalogue(folder: Path, manifest: Manifest) -> Catalogue:
    vocabulary = Vocabulary(json.loads((folder / "item_ids.json").read_bytes()))
    titles = tuple(json.loads((folder / "titles.json").read_bytes()))
    columns = {name: _read_array(folder / f"{name}.npy") for name in COLUMNS}
    lengths = {"item_ids": len(vocabulary), "titles": len(titles), **{n: len(c) for n, c in columns.items()}}
    for name, length in lengths.items():
        _expect_rows(manifest, f"catalogue/{name}", length, exactly=True)
    categories = tuple(tuple(path) for path in json.loads((folder / "categories.json").read_bytes()))
    return Catalogue(vocabulary, titles, categories, **columns)


def _read_source(folder: Path, name: str, manifest: Manifest) -> Source:
    if name not in SOURCES:
        raise BundleError(
            f"bundle {manifest.version} has a source {name!r} that this Endcap does not know; upgrade or train again"
        )
    here, entry = folder / "sources" / name, manifest.sources[name]
    arrays = {path.stem: _read_array(path) for path in sorted(here.glob("*.npy"))}
    index = read_index(here / "index.faiss") if entry.has_index else None
    if index is not None:
        _expect_rows(manifest, f"sources/{name}/index.faiss", len(index), exactly=False)
    source = SOURCES[name].load(Learned(arrays, entry.settings, index))
    # Arrays that cover more rows than there are items fail here, at the door, and not in somebody's request.
    source.ask(Context(manifest.data.until_us)).propose(np.ones(manifest.n_items, dtype=np.bool_), 1)
    return source


def _expect_rows(manifest: Manifest, what: str, length: int, *, exactly: bool) -> None:
    """Refuse arrays that do not fit the vocabulary."""
    if length > manifest.n_items or (exactly and length != manifest.n_items):
        raise BundleError(
            f"bundle {manifest.version} does not fit its vocabulary: {what} has {length} rows "
            f"for {manifest.n_items} items; roll back or train again"
        )


def _read_blend(path: Path) -> Blend:
    raw = json.loads(path.read_bytes())
    if raw["kind"] != "blend":
        raise ValueError(f"{path.name} is a {raw['kind']}, this Endcap knows blends")
    return Blend(bought=_logistic_sum(raw["bought"]), fresh=_logistic_sum(raw["fresh"]))


def _logistic_sum(raw: dict[str, Any]) -> LogisticSum:
    return LogisticSum(
        bias=float(raw["bias"]),
        calibrations={
            name: Calibration(
                np.array(curve["scores"], dtype=np.float32),
                np.array(curve["log_odds"], dtype=np.float32),
                float(curve["missing"]),
                float(curve["weight"]),
            )
            for name, curve in raw["calibrations"].items()
        },
    )


def _read_array(path: Path) -> Any:  # noqa: ANN401 - the dtype is the file's
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(array)
