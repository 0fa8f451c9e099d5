"""Items that shoppers come to after an item."""

from typing import ClassVar

from models.sources.table import Table


class Covisitation(Table):
    """A table of neighbours; its formula stands in training/fit/covisitation.py."""

    name: ClassVar[str] = "covisitation"
