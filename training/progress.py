"""What a long run says while it runs: one line a step, with its seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


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
        seconds = time.perf_counter() - began
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.say(f"{name} [dim]{seconds:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """Print one line at the depth of the step that runs."""
        if self._console:
            self._console.print(f"{'  ' * self._depth}{text}", highlight=False)
