"""Processes that open one index: what the kernel says of their memory."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Final

import numpy as np
import pytest

from models.arrays import Float32
from models.by_length import ByLength
from models.index import ExactIndex, HnswIndex, Index

OPEN_AND_SEARCH: Final = """
import sys
from pathlib import Path
import numpy as np
from models.index import read_index

def kilobytes(file, name):
    line = next(line for line in Path(file).read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])

def use(path):
    index = read_index(Path(path))
    index.vectors.max()
    index.search(index.vectors[0], np.ones(len(index), dtype=np.bool_), 10)
    return index

small = use(sys.argv[1])
before = kilobytes("/proc/self/status", "RssAnon")
big = use(sys.argv[2])
print(kilobytes("/proc/self/status", "RssAnon") - before, flush=True)
sys.stdin.readline()
print(kilobytes("/proc/self/smaps_rollup", "Pss_File"), kilobytes("/proc/self/status", "RssFile"), flush=True)
sys.stdin.readline()
"""
"""Says by how many KiB its own memory grew, and when asked, its share of mapped files and all of them that it sees."""


def exact(vectors: Float32) -> Index:
    index = ExactIndex.of(vectors)
    assert len(vectors) < 2**10 or isinstance(index._shorter, ByLength), (
        "the copy in order of length is part of the claim"
    )
    return index


def graph(vectors: Float32) -> Index:
    """A graph that is quickly built: its links lead nowhere good, and take as much memory as good ones."""
    import faiss  # noqa: PLC0415 - only this claim needs FAISS itself

    built = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    built.hnsw.efConstruction = 1
    built.add(vectors)
    return HnswIndex(built, vectors)


@contextmanager
def openers(n: int, *arguments: Path) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-c", OPEN_AND_SEARCH, *map(str, arguments)]
    with ExitStack() as stack:
        yield [stack.enter_context(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)) for _ in range(n)]


def told(opener: subprocess.Popen[str]) -> list[int]:
    assert opener.stdout is not None
    return [int(number) for number in opener.stdout.readline().split()]


def ask(opener: subprocess.Popen[str]) -> None:
    assert opener.stdin is not None
    opener.stdin.write("\n")
    opener.stdin.flush()


@pytest.mark.parametrize("build", [exact, graph])
def test_processes_share_an_index_and_have_no_copy_of_their_own(build: type, tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    lengths = chance.pareto(1.5, (2**17, 1)).astype(np.float32)
    vectors: Float32 = chance.standard_normal((2**17, 64), dtype=np.float32) * lengths  # 32 MiB
    build(vectors[:100]).save(tmp_path / "small.faiss")
    build(vectors).save(tmp_path / "big.faiss")
    with openers(2, tmp_path / "small.faiss", tmp_path / "big.faiss") as both:
        grown_kilobytes = [told(opener)[0] for opener in both]
        for opener in both:
            ask(opener)
        shares, seen = zip(*(told(opener) for opener in both), strict=True)
        for opener in both:
            ask(opener)
    # Some bytes a row are private: lengths, the mask and the marks of a search.
    assert max(grown_kilobytes) < 4 * 1_024
    assert min(seen) > 32 * 1_024
    assert sum(shares) < 1.25 * min(seen)
