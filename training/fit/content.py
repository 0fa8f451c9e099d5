"""Content vectors: TF-IDF of what the catalogue says of an item, reduced by latent semantic analysis.

Tokens are the words of the title, each prefix of the category path, brand, tags and attributes; weight
(1 + log count) * (1 + log((1 + n) / (1 + items with the token))) (Salton & Buckley, 1988), rows of length 1, then the
`dimensions` largest singular vectors (Deerwester et al., 1990), rows of length 1 again. Differs from them in that
tokens of one item only are dropped: they relate nothing. Where the shop brings its own `embedding`, that is used.
"""

import json
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, Field
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import svds

from models.arrays import Float32
from models.errors import InputError, LearnedNothingError
from models.index import build_index
from models.sources.base import Learned
from training.data import TrainingData


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `content`."""

    dimensions: int = Field(default=32, gt=0, le=1024)
    """Length of a vector. Changes results and speed: a search costs so many products per item of the catalogue."""

    query_items: int = Field(default=100, gt=0)
    """Items of a history that make up its profile, the heaviest. Changes speed; results only for long histories."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn unit vectors of all bundle rows, shape (n, D), as an index; 0 where nothing is known.

    Raises LearnedNothingError if no two items share a token, InputError if the shop's embeddings differ in length.
    """
    if data.items["embedding"].list.len().sum():
        vectors = own_embeddings(data.items)
    else:
        vectors = reduced(tf_idf(data.items), settings.dimensions, data.seed)
    return Learned({}, {"query_items": settings.query_items}, build_index(unit_rows(vectors)))


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


def tf_idf(items: pl.DataFrame) -> csr_matrix:
    """Return the weights of tokens, float64, shape (n, tokens), rows of length 1 (0 for items without tokens).

    Raises LearnedNothingError if no two items share a token.
    """
    counts = _tokens(items).group_by("row", "token").len().with_columns(held=pl.len().over("token"))
    shared = counts.filter(pl.col("held") > 1).sort("token", "row")
    if shared.is_empty():
        why = "no two items share a word, category, brand, tag or attribute"
        raise LearnedNothingError("content", why, "import items with titles and categories")
    rarity = 1 + np.log((1 + len(items)) / (1 + shared["held"].to_numpy()))
    weights = (1 + np.log(shared["len"].to_numpy())) * rarity
    columns = shared["token"].rle_id().to_numpy()
    matrix = coo_matrix((weights, (shared["row"].to_numpy(), columns)), shape=(len(items), int(columns[-1]) + 1))
    lengths = np.sqrt(np.bincount(matrix.row, weights=weights**2, minlength=len(items)))
    return csr_matrix(diags(1 / np.where(lengths > 0, lengths, 1)) @ matrix)


def reduced(matrix: csr_matrix, dimensions: int, seed: int) -> Float32:
    """Return the rows in the space of the largest singular vectors, shape (n, min(dimensions, rank bound)).

    Same matrix and seed, same vectors: the largest entry of each singular vector is made positive.
    """
    if min(matrix.shape) <= dimensions:
        _, _, directions = np.linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(seed).standard_normal(min(matrix.shape))
        _, _, directions = svds(matrix, k=dimensions, v0=start)
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    vectors: Float32 = (matrix @ (directions * np.sign(largest)).T).astype(np.float32)
    return vectors


def unit_rows(vectors: Float32) -> Float32:
    """Return the vectors with length 1; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def _tokens(items: pl.DataFrame) -> pl.DataFrame:
    """Return row and token of all that the catalogue says; a token begins with its kind, so that kinds do not mix."""
    rows = items.with_row_index("row")
    path, deepest = pl.col("category"), int(items["category"].list.len().max() or 0)  # type: ignore[arg-type]
    kinds = {
        "title": pl.col("title").str.to_lowercase().str.extract_all(r"\w+"),
        "brand": pl.concat_list(pl.col("brand").replace("", None)),
        "tag": pl.col("tags"),
        "attribute": pl.col("attributes").map_elements(_pairs, return_dtype=pl.List(pl.String)),
    }
    for depth in range(1, deepest + 1):
        prefix = pl.when(path.list.len() >= depth).then(path.list.head(depth).list.join(" > "))
        kinds[f"category {depth}"] = pl.concat_list(prefix)
    told = [
        rows.select("row", token=token).explode("token").drop_nulls().with_columns(kind + ": " + pl.col("token"))
        for kind, token in kinds.items()
    ]
    return pl.concat(told)


def _pairs(attributes: str) -> list[str]:
    """Return "key=value" of each attribute, one per value where there are several."""
    decoded: Any = json.loads(attributes)
    if not isinstance(decoded, dict):
        return []
    return [
        f"{key}={value}"
        for key, values in decoded.items()
        for value in (values if isinstance(values, list) else [values])
    ]
