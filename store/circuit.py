"""Whom not to ask for a while: what failed several times in a row is left alone, and tried again once in a while."""

from collections.abc import Callable


class Circuit:
    """Counts the failures of something outside; closed while it works, open when it does not."""

    def __init__(self, clock: Callable[[], float], failures: int = 3, probe_seconds: float = 1.0) -> None:
        """Begin closed.

        clock: seconds from any beginning, never going back. failures: so many in a row open it.
        """
        self._clock = clock
        self._most_failures = failures
        self._probe_seconds = probe_seconds
        self._failures = 0
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """True from so many failures in a row until the next success."""
        return self._failures >= self._most_failures

    def allows(self) -> bool:
        """Return whether to ask now. While it is open, one caller in `probe_seconds` may: the probe."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._next_probe:
            return False
        self._next_probe = now + self._probe_seconds
        return True

    def succeeded(self) -> None:
        """Close it."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure; a probe that failed is one, too."""
        self._failures += 1
        if self.is_open:
            self._next_probe = self._clock() + self._probe_seconds
