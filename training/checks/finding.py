"""What a check says."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Level: TypeAlias = Literal["PASS", "WARN", "FAIL"]
"""PASS: nothing to do. WARN: training goes on, but look at it. FAIL: training stops."""


@dataclass(frozen=True)
class Finding:
    """One check's answer about one shop."""

    check: str
    """The check's name, as in docs/checks.md and under `checks` in the configuration."""
    level: Level
    counts: dict[str, float]
    """What was counted: numbers of things, and shares from 0 to 1 under names that end in `share`."""
    what: str
    """What was found, in a sentence."""
    to_do: str = ""
    """The next step, in a sentence; empty at PASS."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields under their names."""
        return asdict(self)


def worst(findings: tuple[Finding, ...]) -> Level:
    """Return the gravest level that was found; PASS when there are no findings."""
    levels = {finding.level for finding in findings}
    return "FAIL" if "FAIL" in levels else "WARN" if "WARN" in levels else "PASS"


def refusal(findings: tuple[Finding, ...]) -> str:
    """Return the text to refuse a training with: each FAIL with its counts and what to do; empty without a FAIL."""
    failed = [finding for finding in findings if finding.level == "FAIL"]
    if not failed:
        return ""
    count = f"{len(failed)} data check{'s' if len(failed) > 1 else ''} failed"
    return "\n".join([f"{count}; nothing was trained", *(f"{f.check}: {f.what} {f.to_do}" for f in failed)])
