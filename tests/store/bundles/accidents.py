"""Disks that are full and processes that die while they write."""

import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond this: for those who write, what a full disk is, at a place that the test chooses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def left_behind(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if not path.name.endswith(".lock")}


def killed_at_sync(work: Callable[[], object], sync: int) -> bool:
    """Run work in a process that is killed before it asks the disk for the sync-th time; True if it came to its end."""

    calls = count()

    def fsync(_descriptor: int) -> None:
        if next(calls) == sync:
            os.kill(os.getpid(), signal.SIGKILL)

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            work()

    return waited(forked(run)) == 0


def forked(work: Callable[[], object]) -> int:
    """Begin work in a process of its own and return its id; it ends with 1 when work raises."""
    with warnings.catch_warnings():
        # Python 3.12 and later warn of a fork beside threads. Those are polars'; the child never calls it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001 - nothing of the child may reach pytest
        os._exit(1)
    os._exit(0)


def waited(child: int) -> int:
    """Wait for a process; return its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
