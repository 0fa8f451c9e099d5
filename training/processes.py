"""The same work on many jobs, spread over processes that share what they work with."""

import ctypes
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from models.errors import TrainingError

Shared = TypeVar("Shared")
Job = TypeVar("Job")
Result = TypeVar("Result")


@contextmanager
def spread(
    work: Callable[[Shared, Job], Result], shared: Shared, jobs: Sequence[Job], processes: int
) -> Iterator[Iterator[Result]]:
    """Give the results of work(shared, job) in the order of the jobs; the same whatever the number of processes.

    work: a function of a module. shared: reaches the processes by fork, nothing of it is copied.
    Raises TrainingError if a process dies.
    """
    # Only Linux forks safely under the libraries loaded here; elsewhere one process does it all.
    if processes <= 1 or sys.platform != "linux":
        # Sums differ in the last bits with the number of threads, and a tie may fall the other way.
        with threadpool_limits(1):
            yield (work(shared, job) for job in jobs)
        return
    with warnings.catch_warnings():
        # Python 3.12 and later warn of a fork beside threads. Those are polars'; the children never call it.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        beginning = (work, shared, os.getpid())
        with ProcessPoolExecutor(processes, get_context("fork"), initializer=_begin, initargs=beginning) as pool:
            try:
                yield pool.map(_work_here, jobs)  # type: ignore[arg-type] # what it returns, `work` says
            except BrokenProcessPool as error:
                raise TrainingError(
                    "a process was ended from outside, most likely for want of memory; "
                    "run it again with fewer processes"
                ) from error


_here: list[Any] = []
"""In a forked process: what it does, and with what."""


_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def _begin(work: Callable[[Any, Any], Any], shared: object, parent: int) -> None:
    # A killed parent's processes would wait for jobs for ever, and hold the locks that they inherited.
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    threadpool_limits(1)
    _here[:] = [work, shared]


def _work_here(job: object) -> object:
    work, shared = _here
    return work(shared, job)
