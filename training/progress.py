"""What a long run says while it runs: one line a step, with its seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


class Steps:
    """Names the steps of a run on a console, and remembers how long each took."""

    def __init__(self, console: Console | None = None) -> None:
        """Without a console nothing is printed."""
        self._console = console
        self._depth = 0
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run one step; steps inside it are indented."""
        began = time.perf_counter()
        status = self._console.status(f"{name} ...") if self._console and not self._depth else None
        self._depth += 1
        if status:
            status.start()
        try:
            yield
        finally:
            self._depth -= 1
            if status:
                status.stop()
        self.took(name, time.perf_counter() - began)

    def took(self, name: str, seconds: float) -> None:
        """Say how long a step took that ran beside others."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self._print((name, ""), (f" {seconds:.1f} s", "dim"))

    def warn(self, what: str) -> None:
        """Print what somebody should look at, while the run goes on."""
        self._print(("WARN ", "yellow"), (what, ""))

    def _print(self, *parts: tuple[str, str]) -> None:
        """Print one line at the depth of the step that runs: texts and their styles, never markup from the data."""
        if self._console:
            self._console.print(Text.assemble("  " * self._depth, *parts))
