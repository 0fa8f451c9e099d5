"""Nearest vectors by inner product inside a mask: one protocol, two FAISS implementations.

The only module that knows FAISS. Exact search is right up to some 50,000 rows of 64 numbers (0.26 ms at half of them
on one core, any mask); above that HNSW answers, except inside a narrow mask, where a graph loses its way and exact
search over the passing rows is both right and cheap.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np

from models.arrays import Float32, Int32, Mask
from models.errors import BundleError
from models.topk import best_first, top_rows

# FAISS's own type stubs lag behind its Python wrappers: search parameters and selectors are reached untyped.
_faiss: Any = faiss

EXACT_UP_TO_NUMBERS = 3_200_000
"""Rows times dimensions: 50,000 rows of 64 numbers or 100,000 of 32 cost up to 1 ms, and need no building."""
_COMPARED_FIRST = 2_048
"""Rows, the longest first, that are compared before any is left out."""
_HNSW_NEIGHBOURS = 32
_HNSW_BUILD_EF = 80
# Recall@50 of a graph inside a true category mask is .2 to .6 even at ef 512; 30,000 exact rows cost 1.2 ms.
_EXACT_BELOW_PASSING_ROWS = 30_000


class Index(Protocol):
    """Vectors of rows [0, len(self)), searched by inner product."""

    def __len__(self) -> int: ...

    @property
    def vectors(self) -> Float32:
        """All vectors, shape (n, d), C-contiguous, not a copy."""
        ...

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the best rows inside the mask and their inner products, each shape (<= k,), best first.

        query: shape (d,). mask: shape (n,).
        """
        ...

    def save(self, path: Path) -> None:
        """Write a FAISS file that `read_index` reads. Raises OSError."""
        ...


class ExactIndex:
    """Every row that could be among the best is compared: no recall to defend.

    No product is larger than its two lengths multiplied (Cauchy & Schwarz), so once k rows are known, rows that are too
    short to reach them are left out (LEMP: Teflioudi, Gemulla & Mykytiuk, SIGMOD 2015). A fifth of ALS vectors is
    compared, as their lengths go with popularity; unit vectors are all compared.
    """

    def __init__(self, flat: faiss.IndexFlat) -> None:
        self._flat = flat
        self.vectors = _vectors(flat, flat)
        self._by_length = _ByLength.of(self.vectors)

    @classmethod
    def of(cls, vectors: Float32) -> "ExactIndex":
        """Build from vectors, shape (n, d)."""
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(flat)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        if self._by_length:
            return self._by_length.search(query, mask, k)
        scores = self.vectors @ query
        rows = top_rows(scores, mask, k)
        return rows, scores[rows]

    def save(self, path: Path) -> None:
        faiss.write_index(self._flat, str(path))


@dataclass(frozen=True)
class _ByLength:
    """A copy of vectors in order of their lengths, the longest first."""

    rows: Int32
    """Shape (n,): which row each vector belongs to."""
    vectors: Float32
    """Shape (n, d)."""
    lengths: Float32
    """Shape (n,), not increasing."""

    @classmethod
    def of(cls, vectors: Float32) -> "_ByLength | None":
        """Return vectors in this order; None where the order would not pay: few rows, or lengths that differ little."""
        lengths = np.linalg.norm(vectors, axis=1)
        rows = np.argsort(-lengths, kind="stable").astype(np.int32)
        if len(rows) <= _COMPARED_FIRST or lengths[rows[len(rows) // 2]] > lengths[rows[0]] / 2:
            return None
        return cls(rows, vectors[rows], lengths[rows])

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return the best rows inside the mask and their products, as `Index.search` does."""
        products = self.vectors[:_COMPARED_FIRST] @ query
        stop = self._reaching(_kth(products[mask[self.rows[:_COMPARED_FIRST]]], k), query)
        if stop > _COMPARED_FIRST:
            products = np.concatenate([products, self.vectors[_COMPARED_FIRST:stop] @ query])
        passing = np.flatnonzero(mask[self.rows[: len(products)]])
        rows, products = self.rows[passing], products[passing]
        best = best_first(products, rows, k)
        return rows[best], products[best]

    def _reaching(self, product: float, query: Float32) -> int:
        """Return how many rows are long enough to reach a product with the query; all for a product below 0."""
        # The bound is exact, its arithmetic is not.
        shortest = product / max(float(np.linalg.norm(query)), 1e-30) * (1 - 1e-5)
        return len(self.rows) - int(np.searchsorted(self.lengths[::-1], shortest))


def _kth(products: Float32, k: int) -> float:
    """Return the k-th highest product; -inf if there are fewer."""
    return float(np.partition(products, -k)[-k]) if 0 < k <= len(products) else -np.inf


class HnswIndex:
    """A navigable small-world graph (Malkov & Yashunin 2018), for catalogues above EXACT_UP_TO_NUMBERS."""

    def __init__(self, graph: faiss.Index) -> None:
        untyped: Any = graph
        self._graph = untyped
        self.vectors = _vectors(_faiss.downcast_index(untyped.storage), graph)

    @classmethod
    def of(cls, vectors: Float32) -> "HnswIndex":
        """Build from vectors, shape (n, d). Cost: about 0.1 ms a row on one core."""
        graph = faiss.IndexHNSWFlat(vectors.shape[1], _HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = _HNSW_BUILD_EF
        graph.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(graph)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        passing = int(np.count_nonzero(mask))
        if passing <= min(_EXACT_BELOW_PASSING_ROWS, len(self) // 2):
            rows = np.flatnonzero(mask)
            scores = self.vectors[rows] @ query
            best = best_first(scores, rows, k)
            return rows[best].astype(np.int32), scores[best]
        # ef 512 keeps recall .98 at 68,000 rows of ALS vectors, the hardest kind for graphs.
        allowed = np.packbits(mask, bitorder="little")
        parameters = _faiss.SearchParametersHNSW(efSearch=max(512, 2 * k), sel=_faiss.IDSelectorBitmap(allowed))
        scores, rows = self._graph.search(query[None], min(k, len(self)), params=parameters)
        found = rows[0] >= 0
        return rows[0][found].astype(np.int32), scores[0][found]

    def save(self, path: Path) -> None:
        _write(self._graph, path)


def build_index(vectors: Float32) -> Index:
    """Return the index that fits the number of rows and their length."""
    return ExactIndex.of(vectors) if vectors.size <= EXACT_UP_TO_NUMBERS else HnswIndex.of(vectors)


def read_index(path: Path) -> Index:
    """Open an index file. Raises BundleError if FAISS cannot read it or it is of another kind."""
    try:
        index: Any = faiss.read_index(str(path))
    except RuntimeError as error:
        msg = f"{path.name} is no FAISS index that this version reads; train again or roll back"
        raise BundleError(msg) from error
    if isinstance(index, faiss.IndexHNSW):
        return HnswIndex(index)
    if isinstance(index, faiss.IndexFlat):
        return ExactIndex(index)
    msg = f"{path.name} holds a {type(index).__name__}; this version serves IndexFlat and IndexHNSW"
    raise BundleError(msg)


def _write(index: Any, path: Path) -> None:  # noqa: ANN401 - any FAISS index
    # FAISS's own writer does not hear it when the last block no longer fits on the disk; Python's file does.
    with path.open("wb") as file:
        _faiss.write_index(index, _faiss.PyCallbackIOWriter(file.write))


class _Kept:
    """What numpy keeps alive as the base of a view: FAISS frees its memory with the index that owns it."""

    def __init__(self, view: Float32, owner: faiss.Index) -> None:
        self.__array_interface__ = view.__array_interface__
        self.owner = owner


def _vectors(flat: faiss.IndexFlat, owner: faiss.Index) -> Float32:
    """Return a view, shape (n, d), of the vectors that FAISS holds; it keeps their owner alive."""
    view: Float32 = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)
    return np.asarray(_Kept(view, owner))
