"""Items that shoppers come to at the moments after an item, never with it."""

from typing import ClassVar

from models.sources.table import Table


class ComesNext(Table):
    """A table of neighbours; its formula stands in training/fit/comes_next.py."""

    name: ClassVar[str] = "comes_next"
