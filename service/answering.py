"""From questions to replies: kept answers where they still hold, computed ones elsewhere."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, time_ns

from models.context import Interactions
from service.asking import Ask, compute
from service.flights import Flights
from service.histories import Histories, Known, history_field
from service.metrics import Metrics
from service.replies import Answer, Reply
from service.snapshots import Serving
from store.shopper_cache.base import Remembered, ShopperCache

ANSWER_SECONDS = 60
"""How long a kept answer is sent again: weights fade, and what is new moves on."""

_SHARED_ANSWERS = 3_000
"""Answers without a shopper in them that a process keeps."""


@dataclass(frozen=True)
class Answering:
    """Answers questions from a snapshot, a shopper's history and what was answered before."""

    cache: ShopperCache
    histories: Histories
    metrics: Metrics
    _flights: Flights[list[Answer]] = field(default_factory=Flights)
    _shared: OrderedDict[str, Answer] = field(default_factory=OrderedDict)

    async def personal(self, serving: Serving, shopper: str, asks: Sequence[Ask]) -> list[Reply]:
        """Answer one shopper, with one round trip to the cache where all answers are kept.

        Raises UnknownItemError when nothing is known of what a list is about.
        """
        began = perf_counter()
        snapshot = serving.snapshot
        fields = [ask.field(snapshot.version) for ask in asks]
        remembered = await self.cache.look(shopper, fields, history_field(snapshot.memory))
        self.metrics.stage("memory", perf_counter() - began)
        kept = [self._kept(serving, packed, remembered) for packed in remembered.answers]
        missing = [at for at, answer in enumerate(kept) if answer is None]
        if missing and None not in remembered.answers:
            # What was kept no longer holds, and the history was not looked for.
            remembered = await self.cache.look(shopper, (), history_field(snapshot.memory))
        if missing:
            wanted = {fields[at]: asks[at] for at in missing}

            async def work() -> list[Answer]:
                return await self._compute(serving, shopper, wanted, remembered)

            # Without a token the shopper's history is changing: what somebody began before may not know of it.
            key = (shopper, remembered.token, *wanted)
            computed = await (work() if remembered.token is None else self._flights.join(key, work))
            found = dict(zip(wanted, computed, strict=True))
            kept = [answer or found[name] for answer, name in zip(kept, fields, strict=True)]
        return [
            Reply.of(answer, ask.placement.name, snapshot.version)
            for ask, answer in zip(asks, kept, strict=True)
            if answer is not None
        ]

    def shared(self, serving: Serving, ask: Ask) -> Reply:
        """Answer nobody in particular: similar items, trends, or a visitor of whom only the session is known.

        Raises UnknownItemError when nothing is known of what the list is about.
        """
        version = serving.snapshot.version
        name = ask.field(version)
        answer = self._shared.get(name)
        good = answer is not None and _still_good(serving, answer)
        self.metrics.cache("miss" if answer is None else "hit" if good else "stale")
        if answer is None or not good:
            answer = compute(serving, ask, Known(Interactions()), time_ns() // 1_000, self.metrics)
            self._shared[name] = answer
            if len(self._shared) > _SHARED_ANSWERS:
                self._shared.popitem(last=False)
        return Reply.of(answer, ask.placement.name, version)

    async def _compute(
        self, serving: Serving, shopper: str, wanted: dict[str, Ask], remembered: Remembered
    ) -> list[Answer]:
        began, now_us = perf_counter(), time_ns() // 1_000
        known = await self.histories.of(shopper, remembered, serving.snapshot, now_us)
        self.metrics.stage("history", perf_counter() - began)
        answers = []
        for name, ask in wanted.items():
            answer = compute(serving, ask, known, now_us, self.metrics)
            answers.append(answer)
            if remembered.token is not None and not known.unavailable:
                await self.cache.keep_answer(shopper, remembered.token, name, answer.packed())
        return answers

    def _kept(self, serving: Serving, packed: bytes | None, remembered: Remembered) -> Answer | None:
        """Return an answer of the cache that still holds, and count what became of it."""
        if packed is None:
            self.metrics.cache("miss" if remembered.state == "fresh" else remembered.state)
            return None
        answer = Answer.unpack(packed)
        good = answer is not None and _still_good(serving, answer)
        self.metrics.cache("hit" if good else "stale")
        return answer if good else None


def _still_good(serving: Serving, answer: Answer) -> bool:
    now_us = time_ns() // 1_000
    if not 0 <= now_us - answer.computed_at_us < ANSWER_SECONDS * 1_000_000:
        return False
    return serving.view.still_good(answer.item_ids, answer.computed_at_us, now_us)
