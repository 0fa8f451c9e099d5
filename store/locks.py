"""Locks that end with the process that holds them, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import BusyError


@contextmanager
def held(path: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock in a file, whose folder is made. Raises OSError, and without `wait` BusyError naming who has it.

    what: is locked, for the message: `the training lock of var/bundles`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(f"process {holder} holds {what}; wait for it to end") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
