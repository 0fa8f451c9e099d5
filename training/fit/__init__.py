"""How each source learns: one file a source, of the same name as the file in models/sources/ that answers from it.

A fit module has `Settings`, a pydantic model of its knobs (unknown keys are errors; each field says its effect and
unit), and `fit(data: TrainingData, settings: Settings) -> Learned`.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from pydantic import BaseModel

from models.errors import ConfigurationError
from models.meant import nearest
from models.sources.base import Learned
from training.data import TrainingData
from training.fit import (
    als,
    als_cold,
    bought_together,
    buy_again,
    comes_next,
    content,
    covisitation,
    item_knn,
    look_again,
    new,
    popular,
    trending,
)


class Fit(Protocol):
    """What a fit module is."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802, a class inside a module
        """The knobs."""
        ...

    @property
    def fit(self) -> "FitFunction":
        """The learning."""
        ...


class FitFunction(Protocol):
    """Learns one source. Raises LearnedNothingError if the data has nothing for it."""

    def __call__(self, data: TrainingData, settings: Any) -> Learned: ...  # noqa: ANN401, each has its own Settings


FITS: Final[Mapping[str, Fit]] = {
    "als": als,
    "als_cold": als_cold,
    "item_knn": item_knn,
    "covisitation": covisitation,
    "comes_next": comes_next,
    "bought_together": bought_together,
    "content": content,
    "buy_again": buy_again,
    "look_again": look_again,
    "trending": trending,
    "popular": popular,
    "new": new,
}
"""Source name -> fit module."""


def fit_of(source: str) -> Fit:
    """Return how a source learns. Raises ConfigurationError naming the nearest name."""
    if source in FITS:
        return FITS[source]
    raise ConfigurationError(
        f"there is no source {source!r}; did you mean {nearest(source, FITS)!r}? There are: {', '.join(FITS)}"
    )
