"""The sources, by name. A source is two small files of one name: this package answers, training/fit/ learns."""

from typing import Final

from models.sources.base import Source

SOURCES: Final[dict[str, type[Source]]] = {}
"""Name -> class. The order is that of reports and of the columns of candidates."""
