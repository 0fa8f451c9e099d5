"""How many times a line has been seen in a file, without keeping the lines."""

import numpy as np

from models.arrays import Int64


class Occurrences:
    """Numbers lines that say the same: the first is 1. Memory: 8 bytes a line.

    Two lines whose 64-bit digests are equal count as one content; their ids differ all the same, since an id is made
    from more bits.
    """

    def __init__(self) -> None:
        self._runs: list[Int64] = []
        """Sorted digests of the lines before, each run at least twice as long as the next: merging costs O(n log n)."""

    def number(self, digests: Int64) -> Int64:
        """Return for each line of the next batch which occurrence it is, from 1. Shapes (n,)."""
        order = np.argsort(digests, kind="stable")
        ranked = digests[order]
        numbers = np.empty(len(digests), dtype=np.int64)
        seen = np.arange(1, len(digests) + 1) - np.searchsorted(ranked, ranked)
        for run in self._runs:
            seen += np.searchsorted(run, ranked, "right") - np.searchsorted(run, ranked)
        numbers[order] = seen
        self._add(ranked)
        return numbers

    def _add(self, ranked: Int64) -> None:
        self._runs.append(ranked)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]), kind="stable")]
