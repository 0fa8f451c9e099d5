"""Names for the array types that the whole project speaks of; their shapes stand in the docstrings."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Float32: TypeAlias = npt.NDArray[np.float32]
Float64: TypeAlias = npt.NDArray[np.float64]
Int32: TypeAlias = npt.NDArray[np.int32]
Int64: TypeAlias = npt.NDArray[np.int64]
UInt8: TypeAlias = npt.NDArray[np.uint8]
Mask: TypeAlias = npt.NDArray[np.bool_]

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""What a source learned, by name: the only thing that training hands to models, and that a bundle keeps."""

NO_ROWS: Int32 = np.zeros(0, dtype=np.int32)
NO_SCORES: Float32 = np.zeros(0, dtype=np.float32)

DAY_US = 86_400_000_000
"""Microseconds in a day: times are int64 microseconds since the epoch, UTC."""
