"""Items that the same shoppers like."""

from typing import ClassVar

from models.sources.table import Table


class ItemKnn(Table):
    """A table of neighbours; its formula stands in training/fit/item_knn.py."""

    name: ClassVar[str] = "item_knn"
