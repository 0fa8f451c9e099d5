"""Honest timing on a shared machine: everything in interleaved rounds, each beside a reference of the same round.

The clock is the thread's own CPU time, so that what else runs on the machine is not counted (but for the caches that it
takes); the median of the wall clock stands beside it. On a machine with nothing else to do they are the same.
"""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

import numpy as np

from models.arrays import Float64

REFERENCE = "reference"


@dataclass(frozen=True)
class Timing:
    """What one thing costs."""

    name: str
    median_us: float
    """Over all calls of all rounds; CPU time, as is `p99_us`."""
    p99_us: float
    wall_median_us: float
    ratio: float
    """The round's median over the reference's median in the same round; the median of the rounds."""
    ratio_low: float
    ratio_high: float
    """The lowest and the highest round: when they lie far apart, the machine was busy."""


def time_in_rounds(calls: Mapping[str, Sequence[Callable[[], object]]], n_rounds: int) -> list[Timing]:
    """Time each name's calls, one pass over them a round; `calls` must have a REFERENCE.

    The first pass warms caches up and is not counted.
    """
    passes = [{name: _microseconds(each) for name, each in calls.items()} for _ in range(n_rounds + 1)][1:]
    timings = []
    for name in calls:
        busy, wall = np.concatenate([one[name] for one in passes], axis=1)
        ratios = [float(np.median(one[name][0]) / np.median(one[REFERENCE][0])) for one in passes]
        timings.append(
            Timing(
                name=name,
                median_us=float(np.median(busy)),
                p99_us=float(np.percentile(busy, 99)),
                wall_median_us=float(np.median(wall)),
                ratio=float(np.median(ratios)),
                ratio_low=min(ratios),
                ratio_high=max(ratios),
            )
        )
    return timings


def pin_to_one_core() -> int:
    """Keep this process on one of its cores, where the system can; return how many cores it had."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    return len(cores)


def machine() -> dict[str, Any]:
    """Say where this was measured."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def as_table(timings: Sequence[Timing]) -> str:
    """Return one line a timing, for people."""
    lines = [f"{'':26}{'median us':>10}{'p99 us':>10}{'wall us':>10}{'x reference':>13}  rounds"]
    for one in timings:
        microseconds = f"{one.median_us:10.0f}{one.p99_us:10.0f}{one.wall_median_us:10.0f}"
        lines.append(f"{one.name:26}{microseconds}{one.ratio:13.2f}  {one.ratio_low:.2f}-{one.ratio_high:.2f}")
    return "\n".join(lines)


def write_json(path: Path, facts: Mapping[str, Any], timings: Sequence[Timing]) -> None:
    """Write what was measured, where and how."""
    told = {**facts, "machine": machine(), "timings": [asdict(one) for one in timings]}
    path.write_text(json.dumps(told, indent=2) + "\n")


def _microseconds(calls: Sequence[Callable[[], object]]) -> Float64:
    """Return CPU and wall time of each call, shape (2, n)."""
    took = np.empty((2, len(calls)))
    for place, call in enumerate(calls):
        began, began_wall = thread_time_ns(), perf_counter_ns()
        call()
        took[:, place] = thread_time_ns() - began, perf_counter_ns() - began_wall
    return took / 1_000
