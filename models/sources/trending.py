"""What rises at the moment."""

from typing import ClassVar

from models.sources.shared import SharedList


class Trending(SharedList):
    """One list for everybody; the formula of its order stands in training/fit/trending.py."""

    name: ClassVar[str] = "trending"
