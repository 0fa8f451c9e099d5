"""A step that fails is taken again."""

import asyncio
from collections.abc import Awaitable, Callable

from structlog.testing import capture_logs

from service.watching import Watching


def taken(step: Callable[[], Awaitable[None]], times: int) -> tuple[Watching, list[str]]:
    """Take a step so often; return what was counted, and the names of what was logged."""
    watching = Watching()

    async def take() -> None:
        for _ in range(times):
            await watching.take("step", step)

    with capture_logs() as logged:
        asyncio.run(take())
    return watching, [line["event"] for line in logged]


def test_a_step_that_goes_well_says_nothing() -> None:
    async def step() -> None:
        pass

    watching, events = taken(step, 3)
    assert (watching.failures.total(), events) == (0, [])


def test_the_same_failure_is_counted_each_time_and_told_once_until_it_works_again() -> None:
    outcomes = iter([ZeroDivisionError("a"), ZeroDivisionError("a"), OSError("b"), None, OSError("b")])

    async def step() -> None:
        outcome = next(outcomes)
        if outcome:
            raise outcome

    watching, events = taken(step, 5)
    assert watching.failures == {"step": 4}
    assert events == ["step_failed", "step_failed", "step_works_again", "step_failed"]


def test_a_task_goes_on_after_a_failure_and_ends_when_it_is_closed() -> None:
    steps = 0

    async def main() -> None:
        nonlocal steps
        watching, enough = Watching(), asyncio.Event()

        async def step() -> None:
            nonlocal steps
            steps += 1
            if steps == 3:
                enough.set()
            raise ZeroDivisionError

        watching.begin("step", 0.001, step)
        await asyncio.wait_for(enough.wait(), 10)
        await watching.close()

    with capture_logs():
        asyncio.run(main())
    assert steps == 3
