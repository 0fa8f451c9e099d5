"""What the catalogue says of items, as weighted tokens, or as the shop's own vectors.

Tokens by models/words.py; weight (1 + log count) * (1 + log((1 + n) / (1 + items with the token))) (Salton & Buckley,
1988), rows of length 1. Tokens of one item only are dropped: they relate nothing. Of many items a catalogue says the
same (two thirds of Complete Journey's): each text is read once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix, diags

from models.arrays import Float32, Float64, Int64
from models.errors import InputError, LearnedNothingError
from models.words import Description, Words, tokens_of, unit_rows
from training.data import TrainingData

Directions = Callable[[csr_matrix], Float64]
"""From the weights of T tokens in m texts, shape (m, T), to a direction each, shape (T, D)."""


def placed(data: TrainingData, source: str, directions_of: Directions) -> tuple[Float32, Words]:
    """Return unit vectors of all bundle rows, shape (n, D), 0 where nothing is known, and what places later items.

    directions_of: what each token adds to a vector. The shop's own vectors stay as they are.
    Raises LearnedNothingError in the source's name if no two items share a token, InputError if the shop's vectors
    differ in length.
    """
    if data.items["embedding"].list.len().sum():
        vectors = own_embeddings(data.items)
        return unit_rows(vectors), Words.of((), np.zeros((0, vectors.shape[1]), dtype=np.float32))
    told = data.once("tokens", lambda: tf_idf(data.items, source))
    directions = directions_of(told.weighed)
    words = Words.of(told.tokens, (told.rarity[:, None] * directions).astype(np.float32))
    return unit_rows((told.matrix @ directions).astype(np.float32))[told.text_of], words


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
    """The weights of T tokens in the m different texts of n items."""

    matrix: csr_matrix
    """Float64, shape (m, T), rows of length 1; 0 for texts without tokens."""
    text_of: Int64
    """Shape (n,): each item's row of the matrix."""
    tokens: list[str]
    """By column; each of at least two items."""
    rarity: Float64
    """Shape (T,): the second factor of a token's weights."""

    @property
    def weighed(self) -> csr_matrix:
        """The matrix, its rows as long as all their items' together: it holds as much in every direction as those."""
        return csr_matrix(diags(np.sqrt(np.bincount(self.text_of))) @ self.matrix)


def tf_idf(items: pl.DataFrame, source: str) -> TfIdf:
    """Weigh the tokens of a catalogue.

    Raises LearnedNothingError in the source's name if no two items share a token.
    """
    texts: dict[Description, int] = {}
    text_of = np.array([texts.setdefault(item, len(texts)) for item in descriptions_of(items)], dtype=np.int64)
    told = [tokens_of(text) for text in texts]
    number_of: dict[str, int] = {}
    numbers = np.array([number_of.setdefault(token, len(number_of)) for token in chain.from_iterable(told)], np.int64)
    rows, columns, counts = _counted(np.repeat(np.arange(len(told)), [len(tokens) for tokens in told]), numbers)
    held = np.bincount(columns, weights=np.bincount(text_of)[rows], minlength=len(number_of))
    if not (held > 1).any():
        why = "no two items share a word, category, brand, tag or attribute"
        raise LearnedNothingError(source, why, "import items with titles and categories")
    rarity = 1 + np.log((1 + len(items)) / (1 + held))
    weights = (1 + np.log(counts)) * rarity[columns]
    matrix = csr_matrix((weights, (rows, columns)), shape=(len(told), len(held)))[:, held > 1]
    lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1).A1)
    tokens = [token for token, n_items in zip(number_of, held.tolist(), strict=True) if n_items > 1]
    unit = csr_matrix(diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix)
    return TfIdf(unit, text_of, tokens, rarity[held > 1])


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
