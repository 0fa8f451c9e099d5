import asyncio

import pytest

from service.flights import Flights


class Work:
    """Work that takes as long as nobody says otherwise."""

    def __init__(self, outcome: int | Exception = 7) -> None:
        self.outcome = outcome
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.may_end.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def turn() -> None:
    """Let everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_asks_for_the_same_at_the_same_time_shares_one_piece_of_work() -> None:
    async def story() -> None:
        flights, work = Flights[int](), Work()
        waiting = [asyncio.create_task(flights.join("key", work)) for _ in range(5)]
        await turn()
        work.may_end.set()
        assert await asyncio.gather(*waiting) == [7] * 5
        assert work.begun == 1

    asyncio.run(story())


def test_a_cancelled_leader_does_not_fail_its_followers() -> None:
    async def story() -> None:
        flights, work = Flights[int](), Work()
        leader, follower = (asyncio.create_task(flights.join("key", work)) for _ in range(2))
        await turn()
        leader.cancel()
        await turn()
        work.may_end.set()
        assert await follower == 7
        assert leader.cancelled()
        assert work.begun == 1

    asyncio.run(story())


def test_another_key_is_other_work_and_a_later_request_begins_anew() -> None:
    async def story() -> None:
        flights, work = Flights[int](), Work()
        work.may_end.set()
        assert [await flights.join(key, work) for key in ("a", "b", "a")] == [7, 7, 7]
        assert work.begun == 3

    asyncio.run(story())


def test_a_failure_reaches_all_who_wait_and_nobody_after_them() -> None:
    async def story() -> None:
        flights, failing = Flights[int](), Work(ValueError("no"))
        waiting = [asyncio.create_task(flights.join("key", failing)) for _ in range(2)]
        await turn()
        failing.may_end.set()
        for one in waiting:
            with pytest.raises(ValueError, match="no"):
                await one
        working = Work()
        working.may_end.set()
        assert await flights.join("key", working) == 7

    asyncio.run(story())


def test_a_failure_that_nobody_waits_for_any_more_is_no_noise() -> None:
    async def story() -> list[object]:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        flights, failing = Flights[int](), Work(ValueError("no"))
        only = asyncio.create_task(flights.join("key", failing))
        await turn()
        only.cancel()
        failing.may_end.set()
        await turn()
        return complaints

    assert asyncio.run(story()) == []
