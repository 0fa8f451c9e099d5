"""What is new in the shop."""

from typing import ClassVar

from models.sources.shared import SharedList


class New(SharedList):
    """One list for everybody, the newest first; the formula of its scores stands in training/fit/new.py."""

    name: ClassVar[str] = "new"
