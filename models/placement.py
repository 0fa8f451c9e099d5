"""A placement: a named slot in the shop, as configuration."""

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Task = Literal["personal", "new_to_you", "similar", "complement"]
Known = Literal["keep", "mask", "only"]
RankedBy = Literal["learned", "blend"]


_AT = "@"


def source_of(column: str) -> str:
    """Return the source that a column of a placement asks: `als` of `als@recent`."""
    return column.partition(_AT)[0]


def view_of(column: str) -> str:
    """Return the view of the shopper under which a column asks its source; empty for all that is known."""
    return column.partition(_AT)[2]


@dataclass(frozen=True)
class Placement:
    """What a list is for and how it is made."""

    name: str
    task: Task
    sources: Mapping[str, int]
    """Column -> how many candidates it may propose; with 0 it only scores what the others propose. A column is a
    source, or `source@view`: the source asked under one view of the shopper (`models.views`).

    Changes results: higher recall, slower ranking."""
    n: int = 12
    """Items asked for unless the request says otherwise."""
    known: Known = "keep"
    """What the shopper bought before: keep it, mask it, or show only that."""
    ranked_by: RankedBy = "learned"
    """The task's learned ranker, where the bundle has one; or the blend of the sources alone, which is cheaper."""
    one_per_title: bool = True
    one_per_group: bool = True
    max_per_category: int | None = None
    """Items of one category path in a list; None = no cap. Gives way before a list stays short."""

    @property
    def question(self) -> tuple[Hashable, ...]:
        """All that a ranking depends on; not how long the list is, nor its rules."""
        return self.task, self.known, self.ranked_by, *self.sources.items()

    @cached_property
    def digest(self) -> str:
        """Name what the placement is, so that an answer that was kept can say which one it was made for."""
        told = json.dumps({name: getattr(self, name) for name in self.__dataclass_fields__}, default=dict)
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
