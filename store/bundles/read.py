"""Open a bundle: check it against its manifest, map its arrays, and give the snapshot that answers requests."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from models.catalogue import COLUMNS, Catalogue
from models.context import Context
from models.errors import BundleError
from models.events import EVENT_TYPES
from models.history import Memory
from models.index import read_index
from models.placement import Placement
from models.ready import READY_COLUMNS, ReadyRankings
from models.snapshot import Snapshot
from models.sources import SOURCES
from models.sources.base import Learned, Source
from models.vocabulary import Vocabulary
from models.words import Description
from store.bundles.by_hand import Answer, answer_by_hand
from store.bundles.manifest import Manifest, read_manifest, verify_files
from store.bundles.parts import read_array
from store.bundles.rankers import FACTS, RANKERS, read_facts, read_ranker


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    manifest: Manifest
    snapshot: Snapshot
    """With the catalogue as training saw it; `with_catalogue` gives a newer one."""

    def with_catalogue(self, catalogue: Catalogue, newcomers: Sequence[Description] | None = None) -> Snapshot:
        """Return a snapshot of this bundle over a newer catalogue, whose rows begin with the bundle's.

        newcomers: what the catalogue says of each row that follows the bundle's (`store.newcomers`), in row order.
        """
        return self.snapshot.over(catalogue, newcomers)

    def newcomers_in(self, catalogue: Catalogue) -> tuple[str, ...]:
        """Return the ids of the rows of a catalogue that follow the bundle's."""
        return catalogue.vocabulary.ids[self.manifest.n_items :]

    def recommend(
        self,
        item_ids: Sequence[str] = (),
        *,
        placement: Placement | str = "home",
        anchor_ids: Sequence[str] = (),
        n: int | None = None,
        now: datetime | None = None,
    ) -> Answer:
        """Answer a history typed in by hand (`answer_by_hand`), from the catalogue as training saw it."""
        return answer_by_hand(self.snapshot, item_ids, placement=placement, anchor_ids=anchor_ids, n=n, now=now)


def open_bundle(folder: Path | str, *, verify: bool = True) -> Bundle:
    """Open the bundle in a folder; arrays are mapped, not read. Raises BundleError, naming what is wrong.

    verify: compare every file's sha256 first; whoever verified this folder on this host before may skip it.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if verify:
        verify_files(folder, manifest)
    with _naming(manifest, "catalogue"):
        catalogue = _read_catalogue(folder, manifest)
    sources = {}
    for name in manifest.sources:
        with _naming(manifest, f"sources/{name}"):
            sources[name] = _read_source(folder, name, manifest)
    with _naming(manifest, FACTS):
        facts = read_facts(folder, manifest)
    rankers = {}
    for task in manifest.rankers:
        with _naming(manifest, f"{RANKERS}/{task}.json"):
            rankers[task] = read_ranker(folder, task, manifest, facts)
    ready = {}
    for name in _ready_in(manifest):
        with _naming(manifest, f"ready/{name}"):
            ready[name] = _read_ready(folder, name, manifest)
    snapshot = Snapshot(
        version=manifest.version,
        catalogue=catalogue,
        sources=sources,
        rankers=rankers,
        memory=memory_of(manifest),
        data_until_us=manifest.data.until_us,
        ready=ready,
    )
    return Bundle(manifest, snapshot)


def memory_of(manifest: Manifest) -> Memory:
    """Return how events become weights in this bundle."""
    entry = manifest.memory
    weights = tuple(entry.weights.get(name, 0.0) for name in EVENT_TYPES)
    return Memory(weights, entry.half_life_days, entry.recent_events)


@contextmanager
def _naming(manifest: Manifest, part: str) -> Iterator[None]:
    """Turn whatever a wrong part leads to into a BundleError that names the bundle and the part."""
    try:
        yield
    except (BundleError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise BundleError(
            f"bundle {manifest.version} does not fit together at {part}: {error}; roll back or train again"
        ) from error


def _read_catalogue(folder: Path, manifest: Manifest) -> Catalogue:
    ids, titles, categories = (
        json.loads((folder / f"catalogue/{name}.json").read_bytes()) for name in ("item_ids", "titles", "categories")
    )
    columns = {name: read_array(folder, f"catalogue/{name}.npy", manifest) for name in COLUMNS}
    for name, column in {"item_ids": ids, "titles": titles, **columns}.items():
        if len(column) != manifest.n_items:
            raise ValueError(f"{name} has {len(column)} rows for {manifest.n_items} items")
    _refuse_beyond("category_numbers", columns["category_numbers"], len(categories))
    return Catalogue(Vocabulary(ids), tuple(titles), tuple(tuple(path) for path in categories), **columns)


def _read_source(folder: Path, name: str, manifest: Manifest) -> Source:
    if name not in SOURCES:
        raise ValueError("this Endcap does not know the source; upgrade Endcap")
    here, entry, n_items = f"sources/{name}/", manifest.sources[name], manifest.n_items
    files = [file for file in manifest.files if file.startswith(here) and file.endswith(".npy")]
    arrays = {PurePosixPath(file).stem: read_array(folder, file, manifest) for file in files}
    # What an index keeps beside it, it maps itself.
    arrays = {array: of_source for array, of_source in arrays.items() if not array.startswith("index.")}
    for array in (array for array in arrays if array.partition("_")[0] == "rows"):
        _refuse_beyond(array, arrays[array], n_items)
    index = read_index(folder / here / "index.faiss") if entry.has_index else None
    if index is not None and len(index) > n_items:
        raise ValueError(f"index.faiss has {len(index)} rows for {n_items} items")
    source = SOURCES[name].load(Learned(arrays, entry.settings, index))
    # Arrays that cover more rows than there are items fail here, at the door, and not in somebody's request.
    first_row = np.zeros(1, dtype=np.int32)
    answer = source.ask(Context(manifest.data.until_us, anchors=first_row))
    answer.propose(np.ones(n_items, dtype=np.bool_), n_items)
    return source


def _refuse_beyond(name: str, numbers: Any, n: int) -> None:  # noqa: ANN401 - an array of any whole numbers
    """Refuse numbers that are not positions in something of length n; -1 stands for none."""
    if numbers.size and not -1 <= numbers.min() <= numbers.max() < n:
        raise ValueError(f"{name} goes from {numbers.min()} to {numbers.max()}, there are {n}")


def _ready_in(manifest: Manifest) -> list[str]:
    """Return the placements whose rankings of products are ready in a bundle.

    Those of an earlier Endcap, which did not say what is a reason, are left aside: such pages are ranked when asked.
    """
    paths = [PurePosixPath(file) for file in manifest.files]
    return [path.parts[1] for path in paths if path.parts[0] == "ready" and path.name == "anchored.npy"]


def _read_ready(folder: Path, name: str, manifest: Manifest) -> ReadyRankings:
    here = f"ready/{name}"
    raw = json.loads((folder / here / "placement.json").read_bytes())
    columns = {column: read_array(folder, f"{here}/{column}.npy", manifest) for column in READY_COLUMNS}
    _refuse_beyond("rows", columns["rows"], manifest.n_items)
    if len(columns["rows"]) > manifest.n_items:
        raise ValueError(f"there are rankings of {len(columns['rows'])} products for {manifest.n_items} items")
    return ReadyRankings(manifest.n_items, raw["task"], raw.get("ranked_by", "blend"), raw["sources"], **columns)
