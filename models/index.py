"""Nearest vectors by inner product inside a mask: one protocol, two implementations, both of them FAISS files.

The only module that knows FAISS. Exact search is right up to some 50,000 rows of 64 numbers (0.26 ms at half of them
on one core, any mask); above that HNSW answers, except inside a narrow mask, where a graph loses its way and exact
search over the passing rows is both right and cheap.

Processes that open one index share its memory: it is mapped. In a FAISS file numbers begin at any byte, and numpy
copies what is not aligned before it multiplies; so what numpy multiplies is kept beside the FAISS file once more, as
npy (docs/decisions/0016-swapping.md).
"""

from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np

from models.alike import Alike
from models.array_files import map_array, write_array
from models.arrays import Float32, Int32, Mask
from models.by_length import ByLength
from models.errors import BundleError
from models.topk import best_first, top_rows

# FAISS's own type stubs lag behind its Python wrappers: search parameters and selectors are reached untyped.
_faiss: Any = faiss

EXACT_UP_TO_NUMBERS = 3_200_000
"""Rows times dimensions: 50,000 rows of 64 numbers or 100,000 of 32 cost up to 1 ms, and need no building."""
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
        """Write a FAISS file that `read_index` reads, and beside it what only has to be mapped. Raises OSError."""
        ...


class ExactIndex:
    """Every row that could be among the best is compared: no recall to defend.

    No product is larger than its two lengths multiplied (Cauchy & Schwarz), so once k rows are known, rows that are too
    short to reach them are left out (LEMP: Teflioudi, Gemulla & Mykytiuk, SIGMOD 2015). A fifth of ALS vectors is
    compared, as their lengths go with popularity. Vectors of one length, such as those of content, are compared once
    where many are the same.
    """

    def __init__(self, vectors: Float32, shorter: ByLength | Alike | None) -> None:
        self.vectors = vectors
        self._shorter = shorter

    @classmethod
    def of(cls, vectors: Float32) -> "ExactIndex":
        """Build from vectors, shape (n, d)."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        return cls(vectors, ByLength.of(vectors) or Alike.of(vectors))

    @classmethod
    def read(cls, flat: faiss.IndexFlat, path: Path) -> "ExactIndex":
        """Open what `save` wrote. Raises ValueError if its files do not fit together."""
        vectors = _read_vectors(flat, flat, path)
        if not _beside(path, _VECTORS).exists():
            return cls.of(vectors)
        n, d = vectors.shape
        if _beside(path, _ORDER).exists():
            rows, ordered = _map(path, _ORDER, (n,), np.int32), _map(path, _ORDERED, (n, d), np.float32)
            return cls(vectors, ByLength.over(rows, ordered))
        if _beside(path, _NUMBERS).exists():
            numbers, different = _map(path, _NUMBERS, (n,), np.int32), _map(path, _DIFFERENT, (None, d), np.float32)
            return cls(vectors, Alike.over(numbers, different))
        return cls(vectors, None)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, query: Float32, mask: Mask, k: int) -> tuple[Int32, Float32]:
        if self._shorter:
            return self._shorter.search(query, mask, k)
        scores = self.vectors @ query
        rows = top_rows(scores, mask, k)
        return rows, scores[rows]

    def save(self, path: Path) -> None:
        flat = faiss.IndexFlatIP(self.vectors.shape[1])
        flat.add(self.vectors)
        _write(flat, path)
        write_array(_beside(path, _VECTORS), self.vectors)
        match self._shorter:
            case ByLength():
                write_array(_beside(path, _ORDER), self._shorter.rows)
                write_array(_beside(path, _ORDERED), self._shorter.vectors)
            case Alike():
                write_array(_beside(path, _NUMBERS), self._shorter.number_of)
                write_array(_beside(path, _DIFFERENT), self._shorter.vectors)


class HnswIndex:
    """A navigable small-world graph (Malkov & Yashunin 2018), for catalogues above EXACT_UP_TO_NUMBERS."""

    def __init__(self, graph: faiss.Index, vectors: Float32) -> None:
        self._graph: Any = graph
        self.vectors = vectors

    @classmethod
    def of(cls, vectors: Float32) -> "HnswIndex":
        """Build from vectors, shape (n, d). Cost: about 0.1 ms a row on one core."""
        graph = faiss.IndexHNSWFlat(vectors.shape[1], _HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = _HNSW_BUILD_EF
        graph.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(graph, _held(_faiss.downcast_index(graph.storage), graph))

    @classmethod
    def read(cls, graph: faiss.IndexHNSW, path: Path) -> "HnswIndex":
        """Open what `save` wrote. Raises ValueError if its files do not fit together."""
        return cls(graph, _read_vectors(_faiss.downcast_index(graph.storage), graph, path))

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
        write_array(_beside(path, _VECTORS), self.vectors)


def build_index(vectors: Float32) -> Index:
    """Return the index that fits the numbers that an exact search would compare."""
    if vectors.size <= EXACT_UP_TO_NUMBERS:
        return ExactIndex.of(vectors)
    # A graph also loses its way among many rows of one vector.
    alike = Alike.of(vectors)
    if alike and alike.vectors.size <= EXACT_UP_TO_NUMBERS:
        return ExactIndex(alike.vectors[alike.number_of], alike)
    return HnswIndex.of(vectors)


def read_index(path: Path) -> Index:
    """Map an index file and what was saved beside it.

    An index saved before anything was kept beside it is mapped too, but what numpy multiplies is then copied.
    Raises BundleError if FAISS cannot read it or it is of another kind, ValueError if its files do not fit together.
    """
    try:
        index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        msg = f"{path.name} is no FAISS index that this version reads; train again or roll back"
        raise BundleError(msg) from error
    if isinstance(index, faiss.IndexHNSW):
        return HnswIndex.read(index, path)
    if isinstance(index, faiss.IndexFlat):
        return ExactIndex.read(index, path)
    msg = f"{path.name} holds a {type(index).__name__}; this version serves IndexFlat and IndexHNSW"
    raise BundleError(msg)


_VECTORS = "vectors"
_ORDER, _ORDERED = "longest_first", "longest_first_vectors"
_NUMBERS, _DIFFERENT = "different", "different_vectors"


def _beside(path: Path, name: str) -> Path:
    """Return where an array of an index is kept: index.faiss has index.NAME.npy."""
    return path.with_suffix(f".{name}.npy")


def _map(path: Path, name: str, shape: tuple[int | None, ...], dtype: type) -> Any:  # noqa: ANN401 - of that dtype
    """Map an array of an index; None in a shape is any length. Raises ValueError if it is not what the index needs."""
    array = map_array(_beside(path, name))
    wanted = tuple(there if length is None else length for there, length in zip(array.shape, shape, strict=False))
    if (array.shape, len(array.shape), array.dtype) != (wanted, len(shape), np.dtype(dtype)):
        raise ValueError(f"{_beside(path, name).name} is {array.dtype}{array.shape}, {path.name} is {shape}")
    return array


def _write(index: Any, path: Path) -> None:  # noqa: ANN401 - any FAISS index
    # FAISS's own writer does not hear it when the last block no longer fits on the disk; Python's file does.
    with path.open("wb") as file:
        _faiss.write_index(index, _faiss.PyCallbackIOWriter(file.write))


class _Kept:
    """What numpy keeps alive as the base of a view: FAISS frees its memory with the index that owns it."""

    def __init__(self, view: Float32, owner: faiss.Index) -> None:
        self.__array_interface__ = view.__array_interface__
        self.owner = owner


def _held(flat: faiss.IndexFlat, owner: faiss.Index) -> Float32:
    """Return a view, shape (n, d), of the vectors that FAISS holds; it keeps their owner alive."""
    view: Float32 = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)
    return np.asarray(_Kept(view, owner))


def _read_vectors(flat: faiss.IndexFlat, owner: faiss.Index, path: Path) -> Float32:
    """Map the vectors, shape (n, d), that were saved beside an index, or copy the index's own."""
    if not _beside(path, _VECTORS).exists():
        return np.require(_held(flat, owner), requirements="A")
    vectors: Float32 = _map(path, _VECTORS, (flat.ntotal, flat.d), np.float32)
    return vectors
