"""Arrays as npy files: written whole or not at all, and mapped rather than read, so that processes share them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array. Raises OSError, also when only the last block no longer fits on the disk."""
    # Into a real file numpy writes through C's stdio, and does not hear that.
    with path.open("wb") as file:
        np.save(SimpleNamespace(write=file.write), array, allow_pickle=False)


def map_array(path: Path) -> Any:  # noqa: ANN401 - the dtype is the file's
    """Map an array; it cannot be written to. Raises OSError and, if the file holds no array, ValueError."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
