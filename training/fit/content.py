"""Content vectors: TF-IDF of what the catalogue says of an item, reduced by latent semantic analysis.

The weighted tokens of training/fit/tokens.py, then the `dimensions` largest singular vectors (Deerwester et al., 1990),
rows of length 1 again. Differs from that in that tokens of one item only are dropped. Where the shop brings its own
`embedding`, that is used. What places an item that comes after the training is kept beside the vectors.
"""

import numpy as np
from pydantic import BaseModel, Field
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from models.arrays import Float64
from models.index import build_index
from models.sources.base import Learned
from training.data import TrainingData
from training.fit.tokens import placed

FEWEST_DIMENSIONS = 32
_BLOCK = 8


class Settings(BaseModel, extra="forbid", frozen=True):
    """The knobs of `content`."""

    dimensions: int = Field(default=256, gt=0, le=1024)
    """Length of a vector, at most. Changes results and speed: a search costs so many products per item of the
    catalogue. On Amazon Beauty 32 find a third of what the tokens themselves find, 256 four fifths (2026-11)."""

    most_numbers: int = Field(default=3_200_000, gt=0)
    """Of all vectors together: a large catalogue has shorter ones, though none below FEWEST_DIMENSIONS. Changes what
    `dimensions` does. 256 numbers an item instead of 165: ndcg@10 of Amazon Beauty, validation, .0746 -> .0755
    (2026-11)."""

    query_items: int = Field(default=100, gt=0)
    """Items of a history that make up its profile, the heaviest. Changes speed; results only for long histories."""


def fit(data: TrainingData, settings: Settings) -> Learned:
    """Learn unit vectors of all bundle rows, shape (n, D), as an index, 0 where nothing is known; and the words.

    Raises LearnedNothingError if no two items share a token, InputError if the shop's embeddings differ in length.
    """
    # Whole blocks of what a processor multiplies at once: 21 numbers an item take longer than 32.
    affordable = settings.most_numbers // len(data.vocabulary) // _BLOCK * _BLOCK
    dimensions = min(settings.dimensions, max(affordable, FEWEST_DIMENSIONS))
    vectors, words = placed(data, "content", lambda told: directions_of(told, dimensions, data.seed))
    return Learned(words.arrays(), {"query_items": settings.query_items}, build_index(vectors))


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
