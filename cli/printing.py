"""Text from outside, made fit for a terminal."""

import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that steer a terminal or hide: escapes, direction marks, line separators."""


def printable(text: str) -> str:
    """Return the text with every unseen character written out: a title must not move the cursor or colour the rest."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char for char in text
    )
