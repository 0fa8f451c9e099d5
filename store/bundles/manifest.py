"""The manifest: written last, read first. It says what a bundle is, and holds the sha256 of every other file."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import BundleError
from models.placement import Task

SCHEMA_VERSION: Final = 2
"""Of the layout of a bundle's files. A bundle of a later one is refused by name."""

MANIFEST = "manifest.json"


# 1900 and 2200: a time beyond them is no time of a shop's, and Python's dates end at 9999.
_EARLIEST_US, _LATEST_US = -2_208_988_800_000_000, 7_258_118_400_000_000


class FileEntry(BaseModel):
    """One file of a bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    n_bytes: int
    shape: tuple[int, ...] | None = None
    """Of an array file."""
    dtype: str | None = None


class SourceEntry(BaseModel):
    """One source of a bundle: its arrays are the files sources/NAME/*.npy, its index sources/NAME/index.faiss."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, Any]
    has_index: bool


class DataWindow(BaseModel):
    """Which events a bundle learned from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_us: int = Field(ge=_EARLIEST_US, lt=_LATEST_US)
    until_us: int = Field(ge=_EARLIEST_US, lt=_LATEST_US)
    """The first moment that training did not look at."""
    n_events: int
    n_shoppers: int
    cleaned: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Step of cleaning -> what it counted, before those events: docs/cleaning.md."""


class MemoryEntry(BaseModel):
    """`models.history.Memory`, by event type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, float]
    half_life_days: float
    recent_events: int


class Measured(BaseModel):
    """What the gate measured: the recipe fitted before the data's last horizon, asked on that horizon."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    figures: dict[str, float]
    """Task -> ndcg@20 of the served ranking: what the next training is held against."""
    rows: tuple[dict[str, Any], ...]
    """The whole table, as `endcap evaluate --json` writes it."""
    calibration_error: dict[str, float | None] = Field(default_factory=dict)
    """Task -> expected calibration error of its blend, one horizon later; unit: probability."""
    refusals: tuple[str, ...] = ()
    forced: str | None = None
    """The reason that somebody gave for publishing all the same."""


class Manifest(BaseModel):
    """What a bundle is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1, 2]
    version: str
    created_at: str
    endcap_version: str
    n_items: int
    n_warm: int
    memory: MemoryEntry
    sources: dict[str, SourceEntry]
    left_out: dict[str, str]
    """Source -> why it learned nothing."""
    rankers: tuple[Task, ...]
    """Tasks with a file rankers/TASK.json."""
    recipe: dict[str, Any]
    """The whole training configuration: what `compare` and the gate fit again."""
    data: DataWindow
    metrics: Measured
    files: dict[str, FileEntry]
    """Path inside the bundle -> file, for every file but this one."""


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest. Raises BundleError, naming the bundle and what to do."""
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(f"{folder} is no bundle: it has no {MANIFEST}; see `endcap models list`") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"the {MANIFEST} of bundle {folder.name} cannot be read ({error}); roll back") from error
    found = raw.get("schema_version") if isinstance(raw, dict) else None
    if isinstance(found, int) and found > SCHEMA_VERSION:
        raise BundleError(
            f"bundle {folder.name} has schema version {found}, this Endcap reads up to {SCHEMA_VERSION}; "
            "upgrade Endcap, or roll back"
        )
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"the {MANIFEST} of bundle {folder.name} is wrong at {where}: {first['msg']}") from error
    if manifest.version != folder.name:
        raise BundleError(f"bundle {folder.name} says that it is {manifest.version}; it was copied or renamed by hand")
    return manifest


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its size and sha256. Raises BundleError naming the first that differs."""
    for name in manifest.files:
        verify_file(folder, name, manifest)
    extra = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - set(manifest.files) - {MANIFEST}
    if extra:
        raise BundleError(f"bundle {folder.name} has a file that its manifest does not know: {min(extra)}; roll back")


def verify_file(folder: Path, name: str, manifest: Manifest) -> None:
    """Compare one of the manifest's files with its size and sha256. Raises BundleError naming it."""
    path, entry = folder / name, manifest.files[name]
    try:
        n_bytes = path.stat().st_size
        sha256 = sha256_of(path) if n_bytes == entry.n_bytes else None
    except FileNotFoundError as error:
        raise BundleError(f"bundle {folder.name} lacks its file {name}; roll back or train again") from error
    except OSError as error:
        raise BundleError(
            f"bundle {folder.name} cannot be read at {name}: {error.strerror or error}; check its owner"
        ) from error
    if sha256 is None:
        raise BundleError(
            f"bundle {folder.name} is truncated or changed: {name} has {n_bytes} bytes, not {entry.n_bytes}; "
            "roll back or train again"
        )
    if sha256 != entry.sha256:
        raise BundleError(f"bundle {folder.name} was tampered with: {name} has another sha256; roll back")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
