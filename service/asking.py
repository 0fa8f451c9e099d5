"""What is asked for, in the shop's words, and the one computation that answers it."""

import hashlib
from dataclasses import dataclass, replace
from time import perf_counter

import orjson

from models.context import build_context
from models.placement import Placement
from models.recommend import recommend
from service.histories import Known
from service.metrics import Metrics
from service.replies import Answer, answer_of
from service.snapshots import Serving


@dataclass(frozen=True, slots=True)
class Ask:
    """One list that is asked for."""

    placement: Placement
    n: int
    item_ids: tuple[str, ...] = ()
    """What the list is about."""
    session_item_ids: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    window_days: int | None = None

    def field(self, model_version: str) -> str:
        """Name the answer: equal for equal questions to one bundle under one placement."""
        words = (
            model_version,
            self.placement.digest,
            self.n,
            self.item_ids,
            self.session_item_ids,
            self.exclude,
            self.category,
            self.window_days,
        )
        return hashlib.blake2b(orjson.dumps(words), digest_size=16).hexdigest()


def compute(serving: Serving, ask: Ask, known: Known, now_us: int, metrics: Metrics) -> Answer:
    """Answer from what is known of a shopper. Raises UnknownItemError when nothing is of what the list is about."""
    snapshot, placement = serving.snapshot, ask.placement
    if ask.n != placement.n:
        placement = replace(placement, n=ask.n)
    laps = _Laps(metrics)
    context = build_context(
        snapshot.vocabulary,
        snapshot.memory,
        now_us=now_us,
        history=known.interactions,
        anchor_ids=ask.item_ids,
        excluded_ids=ask.exclude,
        session_ids=ask.session_item_ids,
        category=ask.category,
        window_days=ask.window_days,
    )
    laps.ended("context")
    recommendation = recommend(context, snapshot, placement, ended=laps.ended)
    answer = answer_of(context, snapshot, placement, recommendation, unavailable=known.unavailable)
    laps.ended("reply")
    for source in recommendation.silent:
        if placement.sources[source]:
            metrics.source_empty(source)
    return answer


class _Laps:
    """Times the stages of one answer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._began = perf_counter()

    def ended(self, stage: str) -> None:
        """Note that a stage has ended, and the next begins."""
        now = perf_counter()
        self._metrics.stage(stage, now - self._began)
        self._began = now
