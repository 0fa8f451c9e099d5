"""What bench.serving found, as lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.stages import REQUEST, STAGES

TARGETS = {"waits": 5.0, "change_ms": 50.0, "start_seconds": 3.0, "memory_mib": 200.0}
"""Multiples of the median at the 99th percentile; milliseconds; seconds; MiB that are private to a worker."""


def tell(found: Mapping[str, Any]) -> str:
    """Return the figures beside what is wanted of them."""
    cases = found["cases"]
    return "\n".join([*_peaks(cases), "", *_waits(cases), "", *_stages(cases), "", *_others(found)])


def _others(found: Mapping[str, Any]) -> list[str]:
    change, start, memory = found["change_ms"]["since accepted"], found["start_seconds"], found["memory_mib"]
    private = {
        name: f"{mib['private']:.0f} MiB {name} ({mib['anonymous']:.0f} unmapped)" for name, mib in memory.items()
    }
    after = f"median {change['p50']:.1f} ms, p99 {change['p99']:.1f} ms after it was accepted"
    ready = f"{start['first']:.2f} s, later {start['later']:.2f} s"
    return [
        f"{'from event to answer':26}{after}; wanted under {TARGETS['change_ms']:.0f}",
        f"{'from start to ready':26}{ready}; wanted under {TARGETS['start_seconds']:.0f}",
        f"{'private memory':26}{', '.join(private.values())}; wanted under {TARGETS['memory_mib']:.0f}",
    ]


def _peaks(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"{'the most, 16 connections':26}{'a second':>10}{'x empty':>10}{'rounds':>13}{'wanted':>8}{'kept':>7}"]
    for case in cases:
        rounds, wanted = f"{case['ratio_low']:.2f}-{case['ratio_high']:.2f}", case["target"]
        told = f"{wanted:.2f}" if wanted else ""
        lines.append(
            f"{case['name']:26}{case['per_second']:10.0f}{case['ratio']:10.3f}{rounds:>13}{told:>8}{case['kept']:7.0%}"
        )
    return lines


def _waits(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    wanted = f"(wanted under {TARGETS['waits']:.0f})"
    lines = [f"{'at half of it':26}{'a second':>10}{'median us':>11}{'p99 us':>9}{'x median':>10}{'client p99 us':>15}"]
    for case in cases:
        ratio = case["p99_us"] / case["median_us"]
        lines.append(
            f"{case['name']:26}{case['asked_per_second']:10.0f}{case['median_us']:11.0f}{case['p99_us']:9.0f}"
            f"{ratio:10.1f}{case['late_p99_us']:15.0f}"
        )
    return [*lines, f"{'':26}{'':>30}{wanted:>20}"]


def _stages(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return where the time of a request goes at half of the most, waits included.

    `at most`: a core's time for one request when it does nothing else, that of the HTTP server included.
    """
    names = [name for name in (*STAGES, REQUEST) if any(name in case["stages_us"] for case in cases)]
    lines = [f"{'stages, mean us':26}{''.join(f'{name:>11}' for name in (*names, 'at most'))}"]
    for case in cases:
        stages = [case["stages_us"].get(name) for name in names]
        told = "".join(f"{'':>11}" if stage is None else f"{stage:11.0f}" for stage in stages)
        lines.append(f"{case['name']:26}{told}{1e6 / case['per_second']:11.0f}")
    return lines
