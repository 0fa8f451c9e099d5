"""Small shops whose right answer is known by construction: frames as `prepare` takes them, and what must come first.

Every world ends at NOW, is the same at every call, and has tens of shoppers and items. A `Question` says who asks what
and what any source that claims to know this world has to answer.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, get_args

import numpy as np
import polars as pl

from models.catalogue import Catalogue
from models.context import Context, build_context
from models.errors import LearnedNothingError
from models.events import CODE_OF, EVENT_TYPES
from models.history import Events, History, Memory, Past, Recent
from models.placement import Known, Task
from models.rank import Blend, Calibration, LogisticSum
from models.snapshot import Snapshot
from models.sources import SOURCES
from models.sources.base import Source
from models.vocabulary import Vocabulary
from store.shoppers import past_of
from training.catalogue import catalogue_of
from training.data import TrainingData, prepare
from training.fit import FITS

NOW: Final = datetime(2026, 11, 2, tzinfo=UTC)
"""A Monday, so that weeks of seven days before it are whole calendar weeks."""
OPENED: Final = NOW - timedelta(days=400)
"""When the shops of these worlds published what is not new."""

_WEIGHT_OF = {"view": 0.2, "click": 0.2, "add_to_cart": 0.5, "wishlist": 0.5, "rating": 0.5, "purchase": 1.0}
MEMORY: Final = Memory(weights=tuple(_WEIGHT_OF.get(name, 0.0) for name in EVENT_TYPES), half_life_days=60.0)

EVENT_SCHEMA: Final[dict[str, Any]] = {
    "event_type": pl.String,
    "shopper": pl.String,
    "item_id": pl.String,
    "ts": pl.Datetime("us", "UTC"),
    "quantity": pl.Float64,
    "price": pl.Float64,
    "order_id": pl.String,
    "session_id": pl.String,
}
ITEM_SCHEMA: Final[dict[str, Any]] = {
    "item_id": pl.String,
    "group_id": pl.String,
    "title": pl.String,
    "description": pl.String,
    "category": pl.List(pl.String),
    "brand": pl.String,
    "price": pl.Float64,
    "in_stock": pl.Boolean,
    "recommendable": pl.Boolean,
    "available_from": pl.Datetime("us", "UTC"),
    "available_until": pl.Datetime("us", "UTC"),
    "tags": pl.List(pl.String),
    "attributes": pl.String,
    "published_at": pl.Datetime("us", "UTC"),
    "embedding": pl.List(pl.Float32),
}


def event(shopper: str, item_id: str, ts: datetime, event_type: str = "purchase", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of several types
    """One event row; `more` fills other columns. Without an order a purchase is one of its own."""
    row = {"event_type": event_type, "shopper": shopper, "item_id": item_id, "ts": ts, "quantity": 1.0, "price": 2.0}
    order = f"{shopper}@{ts:%m%dT%H%M}/{item_id}" if event_type == "purchase" else None
    return {**row, "order_id": order, "session_id": f"{shopper}@{ts:%m%d}", **more}


def item(item_id: str, category: Sequence[str] = ("shop",), **more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of several types
    """One catalogue row that can be bought; `more` fills other columns. The title is the id unless given."""
    row = dict.fromkeys(ITEM_SCHEMA)
    row |= {"item_id": item_id, "title": item_id.replace("-", " "), "category": list(category), "price": 2.0}
    return {**row, "in_stock": True, "recommendable": True, "published_at": OPENED, **more}


def event_frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the frame that training reads, sorted by shopper and time."""
    return pl.DataFrame(list(rows), schema=EVENT_SCHEMA).sort("shopper", "ts", maintain_order=True)


def item_frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the catalogue frame that training reads."""
    return pl.DataFrame(list(rows), schema=ITEM_SCHEMA)


@dataclass(frozen=True)
class Question:
    """What one shopper asks, and what is right."""

    sources: tuple[str, ...]
    """Who has to know."""
    shopper: str | None = None
    """Whose history; None = nobody's."""
    anchors: tuple[str, ...] = ()
    known: Known = "keep"
    """What to do with items that the shopper has already bought, as a placement says it."""
    first: str | None = None
    """Must lead the answer."""
    above: tuple[tuple[str, str], ...] = ()
    """(better, worse): better must be answered, and worse after it or not at all."""
    each: tuple[frozenset[str], ...] = ()
    """At least three of the first ten come from each of these sets."""


@dataclass(frozen=True)
class World:
    """A shop, the moment of asking, and the questions whose answers are known."""

    name: str
    events: pl.DataFrame
    items: pl.DataFrame
    questions: tuple[Question, ...]
    now: datetime = field(default=NOW)

    @property
    def now_us(self) -> int:
        return microseconds(self.now)

    def data(self, *, seed: int = 7, min_shoppers: int = 2) -> TrainingData:
        """The world as a fit sees it; its items are warm from two shoppers on."""
        return prepare(
            self.events, self.items, until_us=self.now_us, memory=MEMORY, min_shoppers=min_shoppers, seed=seed
        )

    def history(self, shopper: str | None) -> History:
        """All that a shopper did before now, as raw events."""
        return history_of(self.events.filter(pl.col("shopper") == (shopper or "")), before=self.now)

    def context(self, vocabulary: Vocabulary, question: Question) -> Context:
        """The question in rows."""
        history = self.history(question.shopper)
        return build_context(vocabulary, MEMORY, now_us=self.now_us, history=history, anchor_ids=question.anchors)

    def catalogue(self, vocabulary: Vocabulary | None = None) -> Catalogue:
        """The items as a request sees them, in the vocabulary's row order."""
        return catalogue_of(self.items, vocabulary)


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, without a float in between."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def history_of(events: pl.DataFrame, *, before: datetime, cut: datetime | None = None) -> History:
    """One shopper's events as a history: a past as of the cut if there is one, and the raw events since."""
    events = events.filter(pl.col("ts") < before)
    past = Past()
    if cut is not None:
        past = past_of(events["item_id"].to_list(), _columns(events), microseconds(cut), MEMORY)
        events = events.filter(pl.col("ts") > cut)
    return History(past, Recent(tuple(events["item_id"]), _columns(events)))


def _columns(events: pl.DataFrame) -> Events:
    orders = {order: number for number, order in enumerate(dict.fromkeys(events["order_id"].drop_nulls()))}
    return Events(
        owners=np.zeros(len(events), np.int32),
        items=np.zeros(len(events), np.int32),
        types=np.array([CODE_OF[name] for name in events["event_type"]], np.uint8),
        ts_us=np.array([microseconds(ts) for ts in events["ts"]], np.int64),
        prices=np.array([np.nan if price is None else price for price in events["price"]], np.float32),
        orders=np.array([orders.get(order, -1) for order in events["order_id"]], np.int32),
    )


def _seeded(name: str) -> random.Random:
    return random.Random(name)  # noqa: S311 - worlds are the same every time on purpose


def checkerboard(n: int = 40) -> World:
    """Shopper u likes every item of its own parity but item u: the withheld one is the answer."""
    chance, rows = _seeded("checkerboard"), []
    for user in range(n):
        liked = [number for number in range(n) if number % 2 == user % 2 and number != user]
        chance.shuffle(liked)
        start = NOW - timedelta(days=chance.randrange(10, 40))
        rows += [event(f"u:{user}", f"i{number}", start + timedelta(hours=4 * k)) for k, number in enumerate(liked)]
    questions = tuple(
        Question(("als", "item_knn", "covisitation"), f"u:{user}", known="mask", first=f"i{user}") for user in range(n)
    )
    return World("checkerboard", event_frame(rows), item_frame(item(f"i{number}") for number in range(n)), questions)


def two_communities(n: int = 12) -> World:
    """Gardeners and cooks share no item; a shopper of both must be served both."""
    chance, rows = _seeded("two communities"), []
    communities = {name: [f"{name}-{number}" for number in range(n)] for name in ("garden", "kitchen")}
    for name, ids in communities.items():
        for user in range(24):
            start = NOW - timedelta(days=chance.randrange(5, 40))
            bought = chance.sample(ids, 7)
            rows += [event(f"u:{name}-{user}", it, start + timedelta(hours=k)) for k, it in enumerate(bought)]
    both = [it for pair in zip(*(ids[:4] for ids in communities.values()), strict=True) for it in pair]
    rows += [event("u:both", it, NOW - timedelta(hours=30 - k)) for k, it in enumerate(both)]
    items = item_frame(item(it, (name,), tags=[name]) for name, ids in communities.items() for it in ids)
    each = tuple(frozenset(ids) for ids in communities.values())
    asked = Question(("als", "item_knn", "covisitation"), "u:both", known="mask", each=each)
    return World("two communities", event_frame(rows), items, (asked,))


def repeat_buyer() -> World:
    """Milk and bread are bought every seven days: milk is due today, bread came an hour ago; a lamp was bought once."""
    rows = []
    for user in range(12):
        shopper, shift = f"u:{user}", timedelta(days=user % 5)
        for week in range(1, 9):
            rows += [event(shopper, it, NOW - shift - timedelta(days=7 * week)) for it in ("milk", "bread")]
        rows.append(event(shopper, "lamp", NOW - shift - timedelta(days=40)))
    for week in range(8):
        rows.append(event("u:regular", "bread", NOW - timedelta(days=7 * week, hours=1)))
        rows.append(event("u:regular", "milk", NOW - timedelta(days=7 * week + 7, hours=1)))
    rows.append(event("u:regular", "lamp", NOW - timedelta(days=50)))
    asked = Question(
        ("buy_again",), "u:regular", known="only", first="milk", above=(("milk", "bread"), ("milk", "lamp"))
    )
    looked = Question(("look_again",), "u:regular", first="bread", above=(("bread", "milk"), ("milk", "lamp")))
    items = item_frame(item(it) for it in ("milk", "bread", "lamp", "never"))
    return World("repeat buyer", event_frame(rows), items, (asked, looked))


_AFTER = ("covisitation", "comes_next")


def a_then_b() -> World:
    """A phone, a day later its case, a day later a film for it: in this direction only."""
    chance, rows = _seeded("a then b"), []
    for user in range(30):
        start = NOW - timedelta(days=chance.randrange(10, 60))
        steps = ("phone", "case", "film")
        rows += [event(f"u:{user}", it, start + timedelta(days=k)) for k, it in enumerate(steps)]
        rows.append(event(f"u:{user}", f"other-{user % 5}", start + timedelta(days=9)))
    rows.append(event("u:has-phone", "phone", NOW - timedelta(hours=1)))
    rows.append(event("u:has-case", "case", NOW - timedelta(hours=1)))
    questions = (
        Question(_AFTER, "u:has-phone", known="mask", first="case", above=(("case", "film"),)),
        Question(_AFTER, "u:has-case", known="mask", first="film", above=(("film", "phone"),)),
        Question(_AFTER, anchors=("case",), first="film", above=(("film", "phone"),)),
    )
    items = item_frame(item(it) for it in ("phone", "case", "film", *(f"other-{k}" for k in range(5))))
    return World("a then b", event_frame(rows), items, questions)


def rising() -> World:
    """An evergreen sells most in every week; a comet sold next to nothing and then took off in the last one."""
    rows, buyer = [], 0
    for week in range(8):
        per_day = {"evergreen": 8, "comet": 5 if week == 0 else 0, "steady": 3, "fading": 1 if week == 0 else 5}
        for day in range(7):
            ts = NOW - timedelta(days=7 * week + day, hours=6)
            for it, count in {**per_day, "comet": per_day["comet"] or int(day == 3)}.items():
                rows += [event(f"u:{buyer + k}", it, ts + timedelta(minutes=k)) for k in range(count)]
                buyer += count
    questions = (
        Question(("trending",), first="comet", above=(("comet", "evergreen"),)),
        Question(("popular",), first="evergreen", above=(("evergreen", "comet"),)),
    )
    items = item_frame(item(it) for it in ("evergreen", "comet", "steady", "fading"))
    return World("rising", event_frame(rows), items, questions)


def cold_item() -> World:
    """Nobody has bought the green tent yet; it reads like the blue one, which campers buy with unrelated things."""
    rows = []
    for user in range(10):
        start = NOW - timedelta(days=5 + user)
        rows += [event(f"u:{user}", it, start + timedelta(hours=k)) for k, it in enumerate(("tent-blue", "lentils"))]
        rows += [event(f"u:cook-{user}", it, start) for it in ("pan", "lentils", "espresso")]
    rows.append(event("u:camper", "tent-blue", NOW - timedelta(hours=1)))
    camping, food = ("outdoor", "tents"), ("food",)
    items = (
        item("tent-blue", camping, title="Blue dome tent for two", brand="alpino", tags=["camping"]),
        item("tent-green", camping, title="Green dome tent for two", brand="alpino", tags=["camping"]),
        item("lentils", food, title="Red lentils", brand="campo", tags=["dry"]),
        item("espresso", food, title="Espresso beans", brand="roma", tags=["hot"]),
        item("pan", ("kitchen",), title="Cast iron pan", brand="ferro", tags=["steel"]),
    )
    questions = (
        Question(("content",), "u:camper", known="mask", first="tent-green"),
        Question(("content",), anchors=("tent-blue",), first="tent-green"),
    )
    return World("cold item", event_frame(rows), item_frame(items), questions)


def bought_in_one_order() -> World:
    """Filters go into most coffee orders and few others; milk goes into even more coffee orders, as into all orders."""
    chance, rows = _seeded("one order"), []
    for number in range(120):
        has_coffee = number % 4 == 0
        basket = {"coffee"} if has_coffee else {chance.choice(["rice", "soap", "candles"])}
        basket |= {"milk"} if number % 5 else set()
        basket |= {"filters"} if (has_coffee and number % 16) or number % 41 == 1 else set()
        ts = NOW - timedelta(days=1 + number % 60, minutes=number)
        rows += [event(f"u:{number % 40}", it, ts, order_id=f"o{number}") for it in sorted(basket)]
    rows.append(event("u:coffee-only", "coffee", NOW - timedelta(hours=1)))
    questions = (
        Question(("bought_together",), anchors=("coffee",), first="filters", above=(("filters", "milk"),)),
        Question(("popular",), first="milk"),
    )
    items = item_frame(item(it) for it in ("coffee", "filters", "milk", "rice", "soap", "candles"))
    return World("bought in one order", event_frame(rows), items, questions)


def new_item() -> World:
    """One item came three days ago, one three weeks ago, the others when the shop opened."""
    old = [f"old-{number}" for number in range(6)]
    rows = [event(f"u:{user}", it, NOW - timedelta(days=2 + user)) for user in range(8) for it in old]
    items = [item(it) for it in old]
    items.append(item("last-month", published_at=NOW - timedelta(days=21)))
    items.append(item("this-week", published_at=NOW - timedelta(days=3)))
    questions = (
        Question(("new",), first="this-week", above=(("this-week", "old-0"),)),
        Question(("new",), "u:3", first="this-week", above=(("this-week", "old-0"),)),
    )
    return World("new item", event_frame(rows), item_frame(items), questions)


def nobody_bought_it_yet() -> World:
    """A bench and a wok came in and nobody has bought them yet; each is of a brand that one community buys.

    Gardeners buy seeds of one brand and tools of another, cooks spices and pans. Who has only bought seeds shares no
    word with the new bench, whose brand is that of the tools: only what other gardeners did leads there.
    """
    chance, rows = _seeded("nobody bought it yet"), []
    brands = {"garden": ("flora", "ferrum"), "kitchen": ("sapor", "cuprum")}
    goods = [(f"{brand}-{k}", brand) for both in brands.values() for brand in both for k in range(8)]
    for both in brands.values():
        ids = [it for it, brand in goods if brand in both]
        for user in range(24):
            start = NOW - timedelta(days=chance.randrange(5, 40))
            bought = chance.sample(ids, 9)
            rows += [event(f"u:{both[0]}-{user}", it, start + timedelta(hours=k)) for k, it in enumerate(bought)]
    for brand in ("flora", "sapor"):
        rows += [event(f"u:only-{brand}", f"{brand}-{k}", NOW - timedelta(hours=9 - k)) for k in range(5)]
    new = (("bench", "ferrum"), ("wok", "cuprum"))
    items = item_frame(item(it, (), title=None, brand=brand) for it, brand in (*goods, *new))
    questions = (
        Question(("als_cold",), "u:only-flora", known="mask", first="bench", above=(("bench", "wok"),)),
        Question(("als_cold",), "u:only-sapor", known="mask", first="wok", above=(("wok", "bench"),)),
        Question(("als_cold",), anchors=("flora-1",), first="bench", above=(("bench", "wok"),)),
    )
    return World("nobody bought it yet", event_frame(rows), items, questions)


WORLDS: Final[tuple[Callable[[], World], ...]] = (
    checkerboard,
    two_communities,
    repeat_buyer,
    a_then_b,
    rising,
    cold_item,
    bought_in_one_order,
    new_item,
    nobody_bought_it_yet,
)


@cache
def every_world() -> tuple[World, ...]:
    """Every world, built once."""
    return tuple(build() for build in WORLDS)


@cache
def snapshot_of(world_name: str) -> Snapshot:
    """A world as a training leaves it: the sources that learned something, and a blend that trusts them all alike."""
    world = next(world for world in every_world() if world.name == world_name)
    data = world.data()
    sources: dict[str, Source] = {}
    for name, fit in FITS.items():
        with suppress(LearnedNothingError):
            sources[name] = SOURCES[name].load(fit.fit(data, fit.Settings()))
    # Every source's scores in these worlds lie far inside +-1000: a line that never ties them.
    line = Calibration(np.array([-1e3, 1e3], np.float32), np.array([-4.0, 4.0], np.float32), missing=-4.0, weight=0.5)
    trusting = LogisticSum(-8.0, dict.fromkeys(sources, line))
    blend = Blend(bought=trusting, fresh=trusting)
    return Snapshot(
        version=world.name,
        catalogue=world.catalogue(data.vocabulary),
        sources=sources,
        rankers=dict.fromkeys(get_args(Task), blend),
        memory=MEMORY,
        data_until_us=data.until_us,
    )
