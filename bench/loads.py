"""The cases of bench.serving under load: the most in interleaved rounds, and the waits at half of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.open_loop import Waits, ask_steadily
from bench.questions import EMPTY, Case
from bench.servers import Server
from bench.stages import Spent, read_stages
from bench.wrk import drive

_FIRST_SECONDS = 1


@dataclass(frozen=True)
class Protocol:
    """How long everything takes."""

    rounds: int
    seconds: int
    """Of one case in a round."""


@dataclass(frozen=True)
class _Run:
    per_second: float
    cpu_us: float


@dataclass(frozen=True)
class PeakFound:
    """The most that one case gets."""

    name: str
    target: float | None
    per_second: float
    """Median of the rounds, as are `cpu_us` and `ratio`."""
    cpu_us: float
    """The core's time for one answer and what comes after it: a busy machine lowers `per_second` more than it raises
    this."""
    ratio: float
    """To the empty route in the same round."""
    ratio_low: float
    ratio_high: float
    kept: float
    """The share of answers that were kept ones."""


@dataclass(frozen=True)
class WaitsFound:
    """How long answers take at half of the most, in microseconds."""

    asked_per_second: float
    median_us: float
    """Median of the rounds, as are `p99_us` and `tail`."""
    p99_us: float
    tail: float
    """The 99th percentile over the median of the same round."""
    tail_low: float
    tail_high: float
    late_p99_us: float
    """How late the client itself was, in the worst round."""
    stages_us: Mapping[str, float]
    """Mean a request, as the service measures them."""


def find_peaks(cases: Sequence[Case], servers: Mapping[str, Server], protocol: Protocol) -> dict[str, PeakFound]:
    """Drive every case in every round, each server at rest before. The first case is the reference."""
    spent = {case.name: Spent() for case in cases}
    runs: dict[str, list[_Run]] = {case.name: [] for case in cases}
    for case in cases:
        _drive(case, servers[case.server], _FIRST_SECONDS, Spent())
    for _ in range(protocol.rounds):
        for case in cases:
            runs[case.name].append(_drive(case, servers[case.server], protocol.seconds, spent[case.name]))
    references = np.array([run.per_second for run in runs[cases[0].name]])
    found = {}
    for case in cases:
        rates = np.array([run.per_second for run in runs[case.name]])
        ratios = rates / references
        found[case.name] = PeakFound(
            name=case.name,
            target=case.target,
            per_second=float(np.median(rates)),
            cpu_us=float(np.median([run.cpu_us for run in runs[case.name]])),
            ratio=float(np.median(ratios)),
            ratio_low=float(ratios.min()),
            ratio_high=float(ratios.max()),
            kept=spent[case.name].hits,
        )
    return found


def find_waits(
    cases: Sequence[Case], servers: Mapping[str, Server], peaks: Mapping[str, PeakFound], protocol: Protocol
) -> dict[str, WaitsFound]:
    """Ask every case in every round at half of its peak."""
    spent = {case.name: Spent() for case in cases}
    runs: dict[str, list[Waits]] = {case.name: [] for case in cases}
    for _ in range(protocol.rounds):
        for case in cases:
            per_second = peaks[case.name].per_second / 2
            runs[case.name].append(_wait(case, servers[case.server], per_second, protocol.seconds, spent[case.name]))
    found = {}
    for name, waits in runs.items():
        medians = np.array([np.median(one.latency_us) for one in waits])
        p99s = np.array([np.percentile(one.latency_us, 99) for one in waits])
        tails = p99s / medians
        found[name] = WaitsFound(
            asked_per_second=peaks[name].per_second / 2,
            median_us=float(np.median(medians)),
            p99_us=float(np.median(p99s)),
            tail=float(np.median(tails)),
            tail_low=float(tails.min()),
            tail_high=float(tails.max()),
            late_p99_us=max(float(np.percentile(one.lateness_us, 99)) for one in waits),
            stages_us=spent[name].mean_us(),
        )
    return found


def warm(case: Case, server: Server) -> None:
    """Let the service remember what the case says it does, and wait until it is at rest."""
    for path in case.warm(case.most):
        server.get(path)
    server.settle()


def _drive(case: Case, server: Server, seconds: int, spent: Spent) -> _Run:
    warm(case, server)
    before, used = _stages_of(case, server), server.cpu_seconds()
    driven = drive(server.port, case.paths(case.most), seconds, once=case.once)
    server.settle()
    used = server.cpu_seconds() - used
    spent.add(before, _stages_of(case, server))
    return _Run(driven.replies / driven.seconds, used / driven.replies * 1e6)


def _wait(case: Case, server: Server, per_second: float, seconds: int, spent: Spent) -> Waits:
    warm(case, server)
    paths = case.paths(min(round(per_second * seconds), case.most))
    before = _stages_of(case, server)
    waits = ask_steadily(server.port, paths, per_second, len(paths) / per_second if case.once else seconds)
    spent.add(before, _stages_of(case, server))
    return waits


def _stages_of(case: Case, server: Server) -> Mapping[str, float]:
    return {} if case.server == EMPTY else read_stages(server)
