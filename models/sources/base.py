"""What a source is: arrays that training learned, and a method that proposes candidates from them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from models.arrays import Arrays, Float32, Int32, Mask
from models.context import Context
from models.index import Index


@dataclass(frozen=True)
class Learned:
    """All that training hands over for one source, and all that a bundle keeps of it."""

    arrays: Arrays
    """By name; an array of length L over items covers rows [0, L)."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Numbers and words that answering needs; JSON in the manifest."""
    index: Index | None = None
    """Vectors of rows [0, len(index)), for the sources that search them."""


class Answer(Protocol):
    """What one source has to say to one request."""

    def propose(self, mask: Mask, k: int) -> tuple[Int32, Float32]:
        """Return at most k rows inside the mask and their scores, each shape (<= k,), best first.

        mask: shape (n,), n >= the rows covered. Scores compare within one source only. Nothing is an answer too.
        """
        ...

    def score(self, rows: Int32) -> Float32:
        """Return this source's score of any rows, shape (m,), whoever proposed them; NaN where it has nothing to say.

        rows: shape (m,), any rows of the snapshot, also beyond those covered.
        """
        ...


class Source(Protocol):
    """Answers requests from what was learned. Immutable; safe to share between threads."""

    name: ClassVar[str]
    """In metrics, reasons and configuration; also the name of its two files."""

    @classmethod
    def load(cls, learned: Learned) -> Self:
        """Take what training learned. Raises KeyError if an array or a setting is missing."""
        ...

    def ask(self, context: Context) -> Answer:
        """Return what this source has to say; work that proposing and scoring share is done here, once."""
        ...

    def because(self, context: Context, rows: Int32) -> tuple[Int32, Float32]:
        """Return shopper's items (or anchors), shape (q,), and what each adds to each row's score, shape (q, m).

        rows: shape (m,), rows that this source has a score of. Nothing is below 0; 0 = it adds nothing.
        """
        ...
