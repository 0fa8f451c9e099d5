"""What the shop's shoppers like these days."""

from typing import ClassVar

from models.sources.shared import SharedList


class Popular(SharedList):
    """One list for everybody; the formula of its order stands in training/fit/popular.py."""

    name: ClassVar[str] = "popular"
