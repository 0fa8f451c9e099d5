"""Items that share an order."""

from typing import ClassVar

from models.sources.table import Table


class BoughtTogether(Table):
    """A table of neighbours; its formula stands in training/fit/bought_together.py."""

    name: ClassVar[str] = "bought_together"
