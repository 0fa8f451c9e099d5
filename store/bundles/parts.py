"""Single files of a bundle: JSON and arrays, read back only as the manifest says they were written."""

import json
from pathlib import Path
from typing import Any

from models.array_files import map_array
from store.bundles.manifest import Manifest


def write_json(path: Path, value: object) -> None:
    """Write a value, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(value, ensure_ascii=False).encode())


def read_array(folder: Path, name: str, manifest: Manifest) -> Any:  # noqa: ANN401 - the dtype is the file's
    """Map one array, and compare it with what the manifest says of it. Raises ValueError."""
    if name not in manifest.files:
        raise ValueError(f"the manifest does not know {name}")
    entry = manifest.files[name]
    try:
        array = map_array(folder / name)
    except ValueError as error:
        raise ValueError(f"{name} is no array ({error})") from error
    if (array.shape, array.dtype.str) != (entry.shape, entry.dtype):
        raise ValueError(
            f"{name} is {array.dtype.str}{array.shape}, not {entry.dtype}{entry.shape} as the manifest says"
        )
    return array
