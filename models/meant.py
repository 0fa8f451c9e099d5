"""What somebody meant who wrote a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, there: Iterable[str]) -> str:
    """Return the name of those that are there, at least one, that `name` is most alike."""
    return get_close_matches(name, list(there), n=1, cutoff=0.0)[0]
