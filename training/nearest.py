"""What a source finds nearest to each warm item: asked once, when all is learned, so that a request need not search."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from models.arrays import Int32
from models.context import Context
from models.index import ExactIndex
from models.nearest import NearestRows
from models.sources import SOURCES
from models.sources.base import Learned, Source
from training.processes import spread

BY_COSINE: Final = ("als", "content")
"""Sources that answer about an item in the order of cosines to it."""
KEPT: Final = 128
"""Rows per item: the quota of a placement and what a request leaves out. Who needs more searches."""
WORTH_ROWS: Final = 8_192
"""Below, searching costs little more than looking up."""
_CHUNK: Final = 256


def with_nearest(learned: Mapping[str, Learned], n_warm: int, processes: int = 2) -> dict[str, Learned]:
    """Return what sources learned and what is nearest to the rows [0, n_warm), as the source itself says.

    Of catalogues that are searched exactly: there a search compares all rows, and a graph finds its way. Cost: a search
    an item; 5 s for 25,000 items and 15 s for Complete Journey's 92,000 in two processes. Raises TrainingError if a
    process dies.
    """
    found = dict(learned)
    for name in BY_COSINE:
        source = learned.get(name)
        if source and isinstance(source.index, ExactIndex) and len(source.index) >= WORTH_ROWS:
            nearest = nearest_rows(SOURCES[name].load(source), n_warm, len(source.index), KEPT, processes)
            found[name] = replace(source, arrays={**source.arrays, **nearest.arrays()})
    return found


def nearest_rows(source: Source, n_asked: int, n_rows: int, k: int, processes: int) -> NearestRows:
    """Ask a source of n_rows rows for the k that are nearest to each of the first n_asked."""
    chunks = [np.arange(n_asked, dtype=np.int32)[start : start + _CHUNK] for start in range(0, n_asked, _CHUNK)]
    with spread(_nearest, (source, n_rows, k), chunks, processes) as answered:
        return NearestRows.joined(list(answered))


def _nearest(shared: tuple[Source, int, int], asked: Int32) -> NearestRows:
    source, n_rows, k = shared
    found = NearestRows.nothing(len(asked), k)
    mask = np.ones(n_rows, dtype=np.bool_)
    for place, row in enumerate(asked.tolist()):
        mask[row] = False
        rows, cosines = source.ask(Context(0, anchors=asked[place : place + 1])).propose(mask, k)
        mask[row] = True
        found.nearest_rows[place, : len(rows)], found.nearest_cosines[place, : len(rows)] = rows, cosines
    return found
