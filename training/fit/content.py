"""Content vectors: TF-IDF of what the catalogue says of an item, reduced by latent semantic analysis.

Tokens are those of models/words.py; weight (1 + log count) * (1 + log((1 + n) / (1 + items with the token))) (Salton &
Buckley, 1988), rows of length 1, then the `dimensions` largest singular vectors (Deerwester et al., 1990), rows of
length 1 again. Differs from them in that tokens of one item only are dropped: they relate nothing. Where the shop
brings its own `embedding`, that is used. What places an item that comes after the training is kept beside the vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
from pydantic import BaseModel, Field
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import svds

from models.arrays import Float32, Float64, Int64
from models.errors import InputError, LearnedNothingError
from models.index import build_index
from models.sources.base import Learned
from models.words import Description, Words, tokens_of, unit_rows
from training.data import TrainingData


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `content`."""

    dimensions: int = Field(default=32, gt=0, le=1024)
    """Length of a vector. Changes results and speed: a search costs so many products per item of the catalogue."""

    query_items: int = Field(default=100, gt=0)
    """Items of a history that make up its profile, the heaviest. Changes speed; results only for long histories."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn unit vectors of all bundle rows, shape (n, D), as an index, 0 where nothing is known; and the words.

    Raises LearnedNothingError if no two items share a token, InputError if the shop's embeddings differ in length.
    """
    if data.items["embedding"].list.len().sum():
        vectors = own_embeddings(data.items)
        words = Words.of((), np.zeros((0, vectors.shape[1]), dtype=np.float32))
    else:
        told = tf_idf(data.items)
        directions = directions_of(told.matrix, settings.dimensions, data.seed)
        vectors = (told.matrix @ directions).astype(np.float32)
        words = Words.of(told.tokens, (told.rarity[:, None] * directions).astype(np.float32))
    return Learned(words.arrays(), {"query_items": settings.query_items}, build_index(unit_rows(vectors)))


def own_embeddings(items: pl.DataFrame) -> Float32:
    """Return the shop's own vectors, shape (n, D); 0 for items without one.

    Raises InputError if their lengths differ or one holds no number.
    """
    known = items.with_row_index("row").filter(pl.col("embedding").list.len() > 0)
    lengths = known["embedding"].list.len()
    if lengths.n_unique() != 1:
        odd = known.filter(lengths != lengths.mode().sort()[0])["item_id"][0]
        raise InputError(
            f"embeddings differ in length: that of item {odd[:80]!r} is of another; import one length for all"
        )
    vectors = np.zeros((len(items), int(lengths[0])), dtype=np.float32)
    vectors[known["row"].to_numpy()] = known["embedding"].explode().to_numpy().reshape(len(known), -1)
    if not np.isfinite(vectors).all():
        odd = items["item_id"][int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
        raise InputError(f"the embedding of item {odd[:80]!r} holds a value that is no number; import it again")
    return vectors


@dataclass(frozen=True)
class TfIdf:
    """The weights of T tokens in n items."""

    matrix: csr_matrix
    """Float64, shape (n, T), rows of length 1; 0 for items without tokens."""
    tokens: list[str]
    """By column; each of at least two items."""
    rarity: Float64
    """Shape (T,): the second factor of a token's weights."""


def tf_idf(items: pl.DataFrame) -> TfIdf:
    """Weigh the tokens of a catalogue. Raises LearnedNothingError if no two items share a token."""
    told = [tokens_of(item) for item in descriptions_of(items)]
    number_of: dict[str, int] = {}
    numbers = np.array([number_of.setdefault(token, len(number_of)) for token in chain.from_iterable(told)], np.int64)
    rows, columns, counts = _counted(np.repeat(np.arange(len(told)), [len(tokens) for tokens in told]), numbers)
    held = np.bincount(columns, minlength=len(number_of))
    if not (held > 1).any():
        why = "no two items share a word, category, brand, tag or attribute"
        raise LearnedNothingError("content", why, "import items with titles and categories")
    rarity = 1 + np.log((1 + len(items)) / (1 + held))
    weights = (1 + np.log(counts)) * rarity[columns]
    matrix = csr_matrix((weights, (rows, columns)), shape=(len(items), len(held)))[:, held > 1]
    lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1).A1)
    tokens = [token for token, n_items in zip(number_of, held.tolist(), strict=True) if n_items > 1]
    return TfIdf(csr_matrix(diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix), tokens, rarity[held > 1])


def directions_of(matrix: csr_matrix, dimensions: int, seed: int) -> Float64:
    """Return the largest singular vectors over the tokens, shape (T, min(dimensions, rank bound)).

    Same matrix and seed, same vectors: the largest entry of each singular vector is made positive.
    """
    if min(matrix.shape) <= dimensions:
        _, _, directions = np.linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(seed).standard_normal(min(matrix.shape))
        _, _, directions = svds(matrix, k=dimensions, v0=start)
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    signed: Float64 = (directions * np.sign(largest)).T
    return signed


def descriptions_of(items: pl.DataFrame) -> Iterator[Description]:
    """Give what a catalogue frame says of each item, but for embeddings."""
    columns = items.select(
        pl.col("title").fill_null(""),
        pl.col("category").list.eval(pl.element().fill_null("")).fill_null([]),
        pl.col("brand").fill_null(""),
        pl.col("tags").list.drop_nulls().fill_null([]),
        pl.col("attributes").fill_null(""),
    )
    for title, category, brand, tags, attributes in columns.iter_rows():
        yield Description(title, tuple(category), brand, tuple(tags), attributes)


def _counted(rows: Int64, columns: Int64) -> tuple[Int64, Int64, Int64]:
    """Return the distinct pairs of two columns, shape (m,), and how often each is there."""
    width = int(columns.max(initial=0)) + 1
    pairs, counts = np.unique(rows * width + columns, return_counts=True)
    return pairs // width, pairs % width, counts
