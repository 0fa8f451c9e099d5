"""A list in the shop's own words: ids, titles and reasons instead of rows."""

from math import isnan
from typing import Any, NamedTuple

from models.context import Context
from models.reasons import reasons
from models.recommend import Recommendation
from models.snapshot import Snapshot

_NAMED = 3
"""Titles that a reason names; it counts the others."""

_SENTENCES = {
    "als": "Liked by shoppers of {}",
    "als_cold": "New, and may please shoppers of {}",
    "bought_together": "Often bought with {}",
    "buy_again": "You bought this before",
    "comes_next": "Often the next choice after {}",
    "content": "Similar to {}",
    "covisitation": "Often chosen after {}",
    "item_knn": "Shoppers of {} choose it too",
    "look_again": "You looked at this before",
    "new": "New in the shop",
    "popular": "Popular in the shop",
    "trending": "Trending now",
}
"""What a shop may print beside an item, by source; a source that is not here gives its line of `why`."""


class ToldItem(NamedTuple):
    """One recommended item."""

    item_id: str
    position: int
    """From 1."""
    title: str
    score: float | None
    """The ranker's; None for what fills the list up."""
    source: str
    """Adds most to the score."""
    because_of: tuple[str, ...]
    """Ids of the shopper's items (or anchors) that carry the source's score, the strongest first."""
    because_titles: tuple[str, ...]

    @property
    def why(self) -> str:
        """The reason in one line."""
        named = ", ".join(self.because_titles[:_NAMED])
        others = len(self.because_titles) - _NAMED
        return f"{self.source}: {named}{f' and {others} more' if others > 0 else ''}" if named else self.source

    @property
    def text(self) -> str:
        """The reason in a sentence for the shopper, in English; it names the strongest item."""
        if self.source not in _SENTENCES:
            return self.why
        named = next(filter(None, self.because_titles), "what you looked at")
        return _SENTENCES[self.source].format(named)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as replies show them."""
        return {
            "item_id": self.item_id,
            "position": self.position,
            "title": self.title,
            "score": None if self.score is None else round(self.score, 4),
            "reason": {
                "source": self.source,
                "because_of": list(self.because_of),
                "text": self.text,
            },
        }


def tell(context: Context, snapshot: Snapshot, recommendation: Recommendation) -> tuple[ToldItem, ...]:
    """Return the list in its order, with why each item is in it."""
    ids, titles = snapshot.vocabulary.ids, snapshot.catalogue.titles
    rows, scores = recommendation.rows.tolist(), recommendation.scores.tolist()
    given = reasons(context, snapshot, recommendation)
    told = []
    words: dict[tuple[int, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for place, (row, score, (source, because_of)) in enumerate(zip(rows, scores, given, strict=True), 1):
        # All items of a product's page share one reason.
        if because_of not in words:
            words[because_of] = tuple([ids[one] for one in because_of]), tuple([titles[one] for one in because_of])
        told.append(ToldItem(ids[row], place, titles[row], None if isnan(score) else score, source, *words[because_of]))
    return tuple(told)
