"""What bench.serving found, as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.stages import REQUEST, STAGES

WAIT_TARGET = 5.0
"""The 99th percentile over the median."""
CHANGE_TARGET_MS, START_TARGET_SECONDS, MEMORY_TARGET_MIB = 50, 3, 200
_WIDTHS = (26, 11)
"""Of the first column and of the others."""


def tell(found: Mapping[str, Any]) -> str:
    """Return the figures beside what is wanted of them."""
    cases = found["cases"]
    tables = [_table(make(cases)) for make in (_peaks, _waits, _stages)]
    return "\n\n".join([*tables, "\n".join(_others(found))])


def _table(rows: Iterator[Sequence[str]]) -> str:
    first, others = _WIDTHS
    return "\n".join(name.ljust(first) + "".join(word.rjust(others) for word in words) for name, *words in rows)


def _peaks(cases: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    yield "the most, 16 connections", "a second", "CPU us", "x empty", "rounds", "wanted", "kept"
    for case in cases:
        figures = f"{case['per_second']:.0f}", f"{case['cpu_us']:.0f}", f"{case['ratio']:.3f}"
        rounds = f"{case['ratio_low']:.2f}-{case['ratio_high']:.2f}"
        yield case["name"], *figures, rounds, f"{case['target']:.2f}" if case["target"] else "", f"{case['kept']:.0%}"


def _waits(cases: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    yield "at half of it", "a second", "median us", "p99 us", "p99/median", "rounds", "wanted", "client p99"
    for case in cases:
        figures = f"{case['asked_per_second']:.0f}", f"{case['median_us']:.0f}", f"{case['p99_us']:.0f}"
        tail, rounds = f"{case['tail']:.1f}", f"{case['tail_low']:.1f}-{case['tail_high']:.1f}"
        yield case["name"], *figures, tail, rounds, f"{WAIT_TARGET:.1f}", f"{case['late_p99_us']:.0f}"


def _stages(cases: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    names = [name for name in (*STAGES, REQUEST) if any(name in case["stages_us"] for case in cases)]
    yield "at half of it, mean us", *names
    for case in cases:
        stages = case["stages_us"]
        yield case["name"], *(f"{stages[name]:.0f}" if name in stages else "" for name in names)


def _others(found: Mapping[str, Any]) -> Iterator[str]:
    change, start = found["change_ms"]["since accepted"], found["start_seconds"]
    first, _ = _WIDTHS
    yield (
        f"{'accepted to changed, ms':{first}}median {change['p50']:.1f}, p99 {change['p99']:.1f}; "
        f"wanted under {CHANGE_TARGET_MS}"
    )
    yield (
        f"{'start to ready, s':{first}}{start['first']:.2f}, later {start['later']:.2f}; "
        f"wanted under {START_TARGET_SECONDS}"
    )
    for name, mib in found["memory_mib"].items():
        yield (
            f"{'private memory, MiB':{first}}{mib['private']:.0f} {name}, {mib['anonymous']:.0f} of it unmapped; "
            f"wanted under {MEMORY_TARGET_MIB}"
        )
