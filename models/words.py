"""What the catalogue says of an item, as tokens, and where such tokens place an item among others."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np

from models.arrays import Arrays, Float32, UInt8

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Description:
    """What the catalogue says of one item; what it does not say is empty."""

    title: str = ""
    category: tuple[str, ...] = ()
    """Path from the widest to the narrowest."""
    brand: str = ""
    tags: tuple[str, ...] = ()
    attributes: str = ""
    """A map as JSON text."""
    embedding: Float32 | None = None
    """The shop's own vector, shape (D,)."""


def tokens_of(item: Description) -> list[str]:
    """Return an item's tokens, repeats included; each begins with its kind, so that kinds do not mix.

    Tokens are the words of the title, each prefix of the category path, brand, tags and attributes. Training and
    serving call this one function. Cost: 6 microseconds.
    """
    tokens = [f"title: {word}" for word in _WORD.findall(item.title.lower())]
    tokens += _prefixes(item.category)
    if item.brand:
        tokens.append(f"brand: {item.brand}")
    tokens += [f"tag: {tag}" for tag in item.tags]
    if item.attributes:
        tokens += [f"attribute: {pair}" for pair in _pairs(json.loads(item.attributes))]
    return tokens


# There are far fewer categories than items.
@lru_cache(maxsize=1024)
def _prefixes(category: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"category {depth}: {' > '.join(category[:depth])}" for depth in range(1, len(category) + 1))


def _pairs(attributes: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    """Give "key=value" of each attribute, one per value where there are several."""
    for key, values in attributes.items() if isinstance(attributes, dict) else ():
        for value in values if isinstance(values, list) else (values,):
            yield f"{key}={value}"


@dataclass(frozen=True)
class Words:
    """What places items that training has not seen among those that it has."""

    tokens: UInt8
    """A JSON list of the T tokens that count, as UTF-8."""
    directions: Float32
    """Shape (T, D): what each token adds to a vector, already weighed by how rare the token is. T = 0 where the shop
    brings vectors of its own: then those are the items' vectors."""

    @classmethod
    def of(cls, tokens: Sequence[str], directions: Float32) -> Self:
        """Take tokens and their directions, shape (T, D)."""
        text = json.dumps(list(tokens), ensure_ascii=False)
        return cls(np.frombuffer(text.encode(), dtype=np.uint8), np.ascontiguousarray(directions, dtype=np.float32))

    @classmethod
    def load(cls, arrays: Arrays) -> Self | None:
        """Take what `arrays` gave; None in a bundle of an Endcap that kept no words. Raises KeyError at a half."""
        names = cls.__dataclass_fields__
        return cls(*(arrays[name] for name in names)) if names.keys() & arrays.keys() else None

    def arrays(self) -> Arrays:
        """Return what a bundle keeps."""
        return {"tokens": self.tokens, "directions": self.directions}

    def vectors(self, items: Sequence[Description]) -> Float32:
        """Return unit vectors of items, shape (m, D); 0 for one that says nothing known.

        Cost: some milliseconds to read the tokens, and 15 microseconds an item.
        """
        vectors = np.zeros((len(items), self.directions.shape[1]), dtype=np.float32)
        number_of = {token: number for number, token in enumerate(json.loads(self.tokens.tobytes()))}
        for vector, item in zip(vectors, items, strict=True):
            vector[:] = self._projected(item, number_of) if number_of else self._own(item)
        return unit_rows(vectors)

    def _projected(self, item: Description, number_of: dict[str, int]) -> Float32:
        counts = Counter(number for token in tokens_of(item) if (number := number_of.get(token)) is not None)
        weights = 1 + np.log(np.array(list(counts.values()), dtype=np.float32))
        projected: Float32 = weights @ self.directions[list(counts)]
        return projected

    def _own(self, item: Description) -> Float32:
        """Return the shop's vector; 0 where there is none, or one that does not compare with the others."""
        nothing = np.zeros(self.directions.shape[1], dtype=np.float32)
        own = nothing if item.embedding is None else item.embedding
        return own if own.shape == nothing.shape and np.isfinite(own).all() else nothing


def unit_rows(vectors: Float32) -> Float32:
    """Return the vectors, shape (n, D), with length 1; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
