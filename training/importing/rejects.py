"""The lines that were not taken, each with its number and the reason, in a file that only its owner may read."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import StoreError


@dataclass(frozen=True)
class Reject:
    """One line that was not taken."""

    line: int
    """Counted from 1; in a Parquet file the number of the row."""
    reason: str
    row: Mapping[str, Any] = field(default_factory=dict)
    """What the line says, by the columns that were read."""


@dataclass(frozen=True)
class RejectsFile:
    """JSON lines at `path`, made when the first reject is written. It holds personal data: nobody else may read it."""

    path: Path

    def write(self, rejects: Iterable[Reject]) -> None:
        """Append the rejects. Raises StoreError."""
        lines = [json.dumps(vars(reject), ensure_ascii=False, default=str) + "\n" for reject in rejects]
        if not lines:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(lines)
        except OSError as error:
            message = (
                f"cannot write the rejected lines to {self.path}: {error.strerror}; make room or give ENDCAP_HOME "
                "another folder, then run this again: what was committed is kept"
            )
            raise StoreError(message) from error
