"""What both shoppers' caches promise, whatever happens in whichever order."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.shopper_cache.base import Change, Remembered
from tests.store.shopper_cache.subjects import HISTORY, InProcess, Making, OnRedis, Subject, ask, remember, run
from tests.valkeys import Valkey


@pytest.fixture(params=["in_process", "on_redis"])
def making(request: pytest.FixtureRequest) -> Making:
    if request.param == "in_process":
        return InProcess
    server: Valkey = request.getfixturevalue("shared_valkey")
    return lambda n: OnRedis(n, server)


def test_what_is_kept_is_found_by_every_process(making: Making) -> None:
    async def story() -> None:
        async with making(2) as subject:
            await remember(subject, history=b"h", answers={"home": b"a", "cart": b"b"})
            for cache in subject.caches:
                found = await cache.look("u:1", ["cart", "home"], HISTORY)
                assert (found.answers, found.state) == ((b"b", b"a"), "fresh")
                assert found.token is not None

    run(story())


def test_a_history_is_looked_for_only_when_an_answer_is_missing_or_none_is_asked_for(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            assert (await ask(subject, "home")).history is None
            assert (await ask(subject, "home", "cart")).history == b"h"
            assert (await ask(subject)).history == b"h"

    run(story())


def test_a_partial_hit_says_which_answers_are_missing(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, answers={"home": b"a"})
            assert (await ask(subject, "cart", "home")).answers == (None, b"a")

    run(story())


def test_one_shopper_never_sees_another(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, "u:1", history=b"h", answers={"home": b"a"})
            found = await ask(subject, "home", shopper="a:1")
            assert (found.answers, found.history) == ((None,), None)

    run(story())


def test_keys_fields_and_values_may_be_any_text_and_any_bytes(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            shopper, name = "u:{a}\u2028ä*" + "\U0001f6d2" * 250, "history/d v\u00e9"
            await remember(subject, shopper, answers={name: b"\x00\r\n$-1\r\n\xff", "": b""})
            assert (await ask(subject, name, "", shopper=shopper)).answers == (b"\x00\r\n$-1\r\n\xff", b"")

    run(story())


def test_while_a_change_is_under_way_nothing_is_found_and_nothing_is_kept(making: Making) -> None:
    async def story() -> None:
        async with making(2) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            changes = await subject.caches[0].begin_change(["u:1"])
            assert changes["u:1"].histories == {HISTORY: b"h"}
            for cache in subject.caches:
                assert await cache.look("u:1", ["home"], HISTORY) == Remembered(None, (None,), None, "changing")
            await subject.caches[0].end_change(changes, {"u:1": {HISTORY: b"h+"}})
            for cache in subject.caches:
                found = await cache.look("u:1", ["home"], HISTORY)
                assert (found.answers, found.history, found.state) == ((None,), b"h+", "fresh")

    run(story())


def test_a_change_of_one_shopper_leaves_the_others_alone(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, "u:1", answers={"home": b"a"})
            await remember(subject, "u:2", answers={"home": b"b"})
            await subject.caches[0].end_change(await subject.caches[0].begin_change(["u:1", "u:3", "u:1"]), {})
            assert (await ask(subject, "home", shopper="u:1")).answers == (None,)
            assert (await ask(subject, "home", shopper="u:2")).answers == (b"b",)

    run(story())


def test_a_change_of_nobody_is_none(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            assert await subject.caches[0].begin_change([]) == {}
            await subject.caches[0].end_change({}, {})

    run(story())


def test_who_looked_before_a_change_keeps_nothing_after_it(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            cache, before = subject.caches[0], await ask(subject, "home")
            assert before.token is not None
            await cache.end_change(await cache.begin_change(["u:1"]), {})
            await cache.keep_history("u:1", before.token, HISTORY, b"old")
            await cache.keep_answer("u:1", before.token, "home", b"old")
            await subject.settle()
            found = await ask(subject, "home")
            assert (found.answers, found.history) == ((None,), None)

    run(story())


def test_a_mark_that_is_never_taken_away_goes_by_itself(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await subject.caches[0].begin_change(["u:1"])
            await subject.let_marks_expire()
            await remember(subject, answers={"home": b"a"})
            assert (await ask(subject, "home")).answers == (b"a",)

    run(story())


def test_a_change_that_outlives_its_mark_drops_what_was_kept_meanwhile(making: Making) -> None:
    async def story() -> None:
        async with making(2) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            changes = await subject.caches[-1].begin_change(["u:1"])
            await subject.let_marks_expire()
            await remember(subject, history=b"h", answers={"home": b"a"})
            await subject.caches[-1].end_change(changes, {"u:1": {HISTORY: b"h+"}})
            found = await ask(subject, "home")
            assert (found.answers, found.history) == ((None,), None)

    run(story())


def test_of_two_changes_that_meet_neither_puts_back_a_history_without_the_other(making: Making) -> None:
    async def story() -> None:
        async with making(2) as subject:
            first, second = subject.caches[0], subject.caches[-1]
            await remember(subject, history=b"h")
            slow = await first.begin_change(["u:1"])
            await subject.let_marks_expire()
            await remember(subject, history=b"h")
            quick = await second.begin_change(["u:1"])
            await first.end_change(slow, {"u:1": {HISTORY: b"h+slow"}})
            await second.end_change(quick, {"u:1": {HISTORY: quick["u:1"].histories[HISTORY] + b"+quick"}})
            assert (await ask(subject)).history is None

    run(story())


def test_forgetting_a_shopper_leaves_nothing_to_find_and_nothing_to_keep_with(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            before = await ask(subject, "home")
            assert before.token is not None
            await subject.caches[0].forget("u:1")
            await subject.caches[0].keep_answer("u:1", before.token, "home", b"a")
            await subject.settle()
            found = await ask(subject, "home")
            assert (found.answers, found.history) == ((None,), None)

    run(story())


def test_forgetting_all_leaves_nothing_to_find(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, history=b"h", answers={"home": b"a"})
            await subject.caches[0].forget_all()
            found = await ask(subject, "home")
            assert (found.answers, found.history) == ((None,), None)

    run(story())


def test_a_thousand_questions_of_one_shopper_leave_a_bounded_number_of_answers_and_the_history(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, history=b"h")
            for start in range(0, 1_000, 100):
                await remember(subject, answers={f"q{number}": b"a" for number in range(start, start + 100)})
            found = await ask(subject, *(f"q{number}" for number in range(1_000)))
            assert 1 <= sum(answer is not None for answer in found.answers) <= 64
            assert found.history == b"h"

    run(story())


def test_an_entry_ends_when_its_time_is_over(making: Making) -> None:
    async def story() -> None:
        async with making(1) as subject:
            await remember(subject, answers={"home": b"a"})
            await subject.let_all_expire()
            assert (await ask(subject, "home")).answers == (None,)

    run(story())


@dataclass
class _Reader:
    """A request: it looked, and perhaps read SQL."""

    process: int
    found: Remembered
    known: frozenset[int] | None = None


@dataclass
class _Writer:
    """An event on its way."""

    process: int
    event: int
    changes: dict[str, Change]
    is_committed: bool = False


@dataclass
class _Shop:
    """SQL, and who is at it; a history is the set of events that it knows of, and so is an answer."""

    subject: Subject
    committed: frozenset[int] = frozenset()
    finished: frozenset[int] = frozenset()
    """Events whose change ended: whoever looks after that must find all of them, or nothing."""
    readers: list[_Reader] = field(default_factory=list)
    writers: list[_Writer] = field(default_factory=list)
    n_events: int = 0
    n_found: int = 0

    async def step(self, action: str, which: int) -> None:
        await getattr(self, f"_{action}")(which)
        if action in {"keep", "end"}:
            await self._checked(which, [])

    async def _look(self, which: int) -> None:
        self.readers.append(_Reader(which % len(self.subject.caches), await self._checked(which, ["home"])))

    async def _checked(self, which: int, names: list[str]) -> Remembered:
        found = await self.subject.caches[which % len(self.subject.caches)].look("u:1", names, HISTORY)
        for value in (*found.answers, found.history):
            if value is not None:
                self.n_found += 1
                assert self.finished <= _events(value), "something from before a change that had ended"
        return found

    async def _read(self, which: int) -> None:
        if self.readers:
            reader = self.readers[which % len(self.readers)]
            reader.known = self.committed if reader.found.history is None else _events(reader.found.history)

    async def _keep(self, which: int) -> None:
        if not self.readers:
            return
        reader = self.readers.pop(which % len(self.readers))
        cache, token = self.subject.caches[reader.process], reader.found.token
        if reader.known is not None and token is not None:
            await cache.keep_history("u:1", token, HISTORY, _packed(reader.known))
            await cache.keep_answer("u:1", token, "home", _packed(reader.known))
            await self.subject.settle()

    async def _begin(self, which: int) -> None:
        process = which % len(self.subject.caches)
        self.n_events += 1
        changes = await self.subject.caches[process].begin_change(["u:1"])
        self.writers.append(_Writer(process, self.n_events, dict(changes)))

    async def _commit(self, which: int) -> None:
        if self.writers:
            writer = self.writers[which % len(self.writers)]
            writer.is_committed = True
            self.committed |= {writer.event}

    async def _end(self, which: int) -> None:
        if not self.writers:
            return
        writer = self.writers.pop(which % len(self.writers))
        new = {writer.event} if writer.is_committed else set()
        histories = {
            shopper: {name: _packed(_events(packed) | new) for name, packed in change.histories.items()}
            for shopper, change in writer.changes.items()
        }
        await self.subject.caches[writer.process].end_change(writer.changes, histories)
        self.finished |= new

    async def _expire(self, _: int) -> None:
        await self.subject.let_marks_expire()

    async def _evict(self, _: int) -> None:
        await self.subject.let_all_expire()


def _packed(events: frozenset[int]) -> bytes:
    return b",".join(b"%d" % event for event in sorted(events))


def _events(packed: bytes) -> frozenset[int]:
    return frozenset(int(event) for event in packed.split(b",") if event)


# Whole requests and whole changes as well as their pieces, so that something is remembered at all.
_STEPS = (
    ["look", "read", "keep"],
    ["begin", "commit", "end"],
    *(["look"], ["read"], ["keep"], ["begin"], ["commit"], ["end"], ["expire"], ["evict"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 3)), min_size=10, max_size=60))
def test_nothing_from_before_a_change_is_found_after_its_end(
    making: Making, story: list[tuple[list[str], int]]
) -> None:
    async def told() -> None:
        async with making(2) as subject:
            shop = _Shop(subject)
            for steps, which in story:
                for step in steps:
                    # A whole request is that of the reader or writer who came last.
                    await shop.step(step, which if len(steps) == 1 or step in {"look", "begin"} else -1)

    run(told())


def test_the_stories_above_do_find_something(making: Making) -> None:
    async def story() -> None:
        async with making(2) as subject:
            shop = _Shop(subject)
            for step in ("look", "read", "keep", "look", "begin", "commit", "end", "look"):
                await shop.step(step, -1)
            # The history and the answer that were kept, and after the change the history with its event, twice.
            assert shop.n_found == 4

    run(story())
