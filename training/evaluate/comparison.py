"""What two models answered to the questions of a table: tests, overlap and examples, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.evaluate.contrast import Contrast, Overlap, contrasts, overlap
from training.evaluate.side_by_side import SideBySide, side_by_side
from training.evaluate.table import Table


@dataclass(frozen=True)
class Compared:
    """One model against another in one table."""

    table: Table
    contrasts: tuple[Contrast, ...]
    overlaps: tuple[Overlap, ...]
    """One a task."""
    examples: tuple[SideBySide, ...]


def paired_tests(table: Table, one: str, other: str, seed: int) -> tuple[Contrast, ...]:
    """Test two models of a table against each other: every task, segment and metric."""
    return tuple(
        contrast
        for judgement in table.judgements
        for contrast in contrasts(judgement, table.metrics_of(judgement.task), one, other, seed)
    )


def compared(table: Table, one: str, other: str, title_of: Mapping[str, str], seed: int) -> Compared:
    """Hold two models of a table side by side. title_of: by item id."""
    return Compared(
        table=table,
        contrasts=paired_tests(table, one, other, seed),
        overlaps=tuple(overlap(judgement, one, other) for judgement in table.judgements),
        examples=tuple(
            example
            for judgement in table.judgements
            for example in side_by_side(judgement, table.metrics_of(judgement.task)[0], (one, other), title_of, seed)
        ),
    )


def as_json(every: Sequence[Compared], names: tuple[str, str]) -> dict[str, Any]:
    """Return all that was found, in types that JSON knows; nobody's key is in it."""
    first = every[0].table
    return {
        "a": names[0],
        "b": names[1],
        "protocol": "+".join(one.table.protocol for one in every),
        "cutoff": None if first.cutoff_us is None else f"{np.datetime64(first.cutoff_us, 'us')}Z",
        "horizon_days": first.horizon_days,
        "contrasts": [
            {"protocol": one.table.protocol, **_renamed(asdict(found))} for one in every for found in one.contrasts
        ],
        "overlaps": [{"protocol": one.table.protocol, **asdict(found)} for one in every for found in one.overlaps],
        "examples": [
            {"protocol": one.table.protocol, **_without_key(asdict(found))} for one in every for found in one.examples
        ],
    }


def _renamed(contrast: dict[str, Any]) -> dict[str, Any]:
    contrast |= {"a": contrast.pop("one"), "b": contrast.pop("other"), **contrast.pop("comparison")}
    return contrast


def _without_key(example: dict[str, Any]) -> dict[str, Any]:
    del example["shopper_key"]
    return example
