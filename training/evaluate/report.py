"""What an evaluation found, for people (tables) and for programs (JSON)."""

import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table as Grid

from training.evaluate.intervals import Interval
from training.evaluate.lists import ENDCAP, RULED
from training.evaluate.table import ALL, Row, Table

_LARGE = 100
"""Money from here on is told without its small change."""
_ON_TOP = (ENDCAP, RULED)
NOTE = "Means with 95 % intervals over resampled shoppers; * differs from `endcap` by the paired test, p < .05."


def as_json(tables: Sequence[Table], fit_seconds: float) -> dict[str, Any]:
    """Return everything that was found, in types that JSON knows.

    With several protocols their rows follow each other, and `protocol` joins their names by a plus sign.
    """
    cutoff_us = tables[0].cutoff_us
    return {
        "protocol": "+".join(table.protocol for table in tables),
        "cutoff": None if cutoff_us is None else f"{np.datetime64(cutoff_us, 'us')}Z",
        "horizon_days": tables[0].horizon_days,
        "rows": [{"protocol": table.protocol, **asdict(row)} for table in tables for row in table.rows],
        "paired": [{"protocol": table.protocol, **asdict(pair)} for table in tables for pair in table.pairs],
        "fit_seconds": fit_seconds,
        "evaluate_seconds": sum(table.evaluate_seconds for table in tables),
        "peak_rss_mib": peak_rss_mib(),
    }


def peak_rss_mib() -> float:
    """Return the most memory that this process, or one of the processes it started and ended, ever held."""
    people = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(who).ru_maxrss for who in people)
    # Kibibytes on Linux, bytes on macOS.
    return most / 1024 if sys.platform != "darwin" else most / 1024**2


def as_tables(table: Table) -> RenderableType:
    """Return three grids per task, no wider than a terminal: how good the lists are, for whom, and what they show."""
    tasks = dict.fromkeys(row.task for row in table.rows)
    return Group(*(grid for task in tasks for grid in _grids(table, task)))


def _grids(table: Table, task: str) -> tuple[Grid, Grid, Grid]:
    rows = [row for row in table.rows if row.task == task]
    whole = [row for row in rows if row.segment == ALL]
    metrics = list(whole[0].metrics)
    whole.sort(key=lambda row: (row.model not in _ON_TOP, -row.metrics[metrics[0]].value))
    good = _grid(f"{table.protocol}, task {task}: {whole[0].n_shoppers:,} shoppers", metrics)
    for row in whole:
        good.add_row(row.model, *(_figure(row.metrics[metric], _star(table, row, metric)) for metric in metrics))
    part_of = {(row.model, row.segment): row for row in rows if row.segment != ALL}
    parts = list(dict.fromkeys((row.segment, row.n_shoppers) for row in part_of.values()))
    heads = [f"{metrics[0]}\n{segment}\n({n_shoppers:,})" for segment, n_shoppers in parts]
    whom, shows = _grid(None, heads), _grid(None, list(whole[0].exposure))
    for row in whole:
        whom.add_row(
            row.model, *(_short(part_of[row.model, segment].metrics[metrics[0]].value, 4) for segment, _ in parts)
        )
        shows.add_row(row.model, *(_short(value, 3 if value <= 1 else 2) for value in row.exposure.values()))
    return good, whom, shows


def _grid(title: str | None, columns: Sequence[str]) -> Grid:
    grid = Grid(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("model", no_wrap=True)
    for column in columns:
        grid.add_column(column, justify="right", overflow="fold")
    return grid


def _figure(interval: Interval, star: str) -> str:
    digits = 3 if interval.high < 1 else int(interval.high < _LARGE)
    bounds = f"{_short(interval.low, digits)}-{_short(interval.high, digits)}"
    return f"{_short(interval.value, digits + 1)}{star} [dim]{bounds}[/dim]"


def _short(value: float, digits: int) -> str:
    """Write a share without its leading zero, as tables of this field do."""
    return f"{value:.{digits}f}".removeprefix("0") if value < 1 else f"{value:.{digits}f}"


def _star(table: Table, row: Row, metric: str) -> str:
    """Return a star if the row differs from the served model, else a space: columns stay aligned."""
    pair = table.pair(row.task, ENDCAP, row.model)
    return "*" if pair is not None and pair.metrics[metric].differs else " "
