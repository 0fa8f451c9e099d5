"""A shop's words, made fit for a page: short, and without what steers a machine."""

import unicodedata
from typing import Final

TITLE: Final = 100
"""Characters of a title that a page shows."""
SENTENCE: Final = 2_000
_STEER: Final = {"Cc", "Cs"}
"""Categories of control characters and halves of surrogate pairs, which no page and no JSON may hold."""


def shown(text: str, most: int = TITLE) -> str:
    """Return at most so many characters of a text; what has no place on a page becomes the replacement character.

    Direction marks stay, words of right-to-left scripts need them: the page isolates every text of a shop's.
    """
    clipped = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _STEER else one for one in clipped)
