"""The questions of bench.serving: seven parameters each, and told apart so that only what should is kept."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.served_shop import HISTORIES, ServedShop, shopper_id

Paths = Callable[[int], Sequence[str]]
"""Given how many at most: paths to ask for in turn."""


@dataclass(frozen=True)
class Case:
    """One figure."""

    name: str
    server: str
    """Which of the servers: EMPTY, IN_PROCESS or ON_REDIS."""
    paths: Paths
    warm: Paths
    """Asked once before, so that what the case says is remembered is."""
    target: float | None = None
    """The ratio to the empty route that is wanted."""
    once: bool = False
    """No path may be asked for again: its answer would be kept."""
    most: int = 30_000
    """Paths of one run."""


EMPTY, IN_PROCESS, ON_REDIS = "the empty route", "in process", "on Redis"


@dataclass(frozen=True)
class Questions:
    """Makes paths. Active shoppers are few, and their histories are remembered; the others were not here today."""

    shop: ServedShop
    _asked: "itertools.count[int]" = field(default_factory=itertools.count)
    _strangers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(HISTORIES))

    def cases(self, n_runs: int) -> list[Case]:
        """Return what is measured, the reference first. n_runs: of each case; strangers run out."""
        kept, computed, in_session = self.kept, self.computed, self.in_session
        strangers = (self.shop.n_shoppers - HISTORIES) // n_runs
        return [
            Case(EMPTY, EMPTY, _root, _nothing),
            Case("personal, kept", IN_PROCESS, kept, kept, 0.50),
            Case("personal, kept in Redis", ON_REDIS, kept, kept, 0.30),
            Case("personal, computed", IN_PROCESS, computed, self._each(computed), 0.10, once=True),
            Case("  with a session", IN_PROCESS, in_session, self._each(in_session), once=True),
            Case("  session went on", IN_PROCESS, self.in_new_session, kept, once=True),
            Case("  history in Redis", ON_REDIS, computed, self._each(computed), once=True),
            Case("  history in SQL", IN_PROCESS, self.strange, _nothing, once=True, most=strangers),
            Case("similar, kept", IN_PROCESS, self.similar_kept, self.similar_kept, 0.50),
            Case("similar, computed", IN_PROCESS, self.similar, _nothing, 0.25, once=True),
        ]

    def kept(self, at_most: int) -> Sequence[str]:
        """Each active shopper asks one question, again and again."""
        return [self._personal(number, number) for number in range(min(self.n_active, at_most))]

    def computed(self, at_most: int) -> Sequence[str]:
        """Active shoppers ask what nobody asked before: another pair of items is excluded each time."""
        numbers = itertools.islice(self._asked, at_most)
        return [self._personal(number % self.n_active, self.n_active + number) for number in numbers]

    def in_session(self, at_most: int) -> Sequence[str]:
        """Say in each also what was looked at in this session, the same as in the shopper's question before."""
        numbers = itertools.islice(self._asked, at_most)
        return [self._personal(n % self.n_active, self.n_active + n, self._seen(n % self.n_active)) for n in numbers]

    def in_new_session(self, at_most: int) -> Sequence[str]:
        """Say in each what was looked at since the question before: all that is known is added up and ranked anew."""
        numbers = itertools.islice(self._asked, at_most)
        return [self._personal(n % self.n_active, self.n_active + n, self._seen(n)) for n in numbers]

    def strange(self, at_most: int) -> Sequence[str]:
        """Shoppers ask who did not ask before."""
        return [self._personal(number, number) for number in itertools.islice(self._strangers, at_most)]

    def similar_kept(self, at_most: int) -> Sequence[str]:
        """As many product pages as there are active shoppers ask one question each, again and again."""
        return [self._similar(number, number) for number in range(min(self.n_active, at_most))]

    def similar(self, at_most: int) -> Sequence[str]:
        """Another product each time, and what nobody asked of it before."""
        numbers = itertools.islice(self._asked, at_most)
        return [self._similar(number, self.n_active + number) for number in numbers]

    @property
    def n_active(self) -> int:
        """How many shoppers are active."""
        return len(self.shop.histories)

    def _each(self, paths: Paths) -> Paths:
        """Return paths that ask once of each active shopper."""
        return lambda at_most: paths(min(self.n_active, at_most))

    def _personal(self, shopper: int, question: int, seen: Sequence[str] = ()) -> str:
        session = "".join(f"&session_item_id={item_id}" for item_id in seen)
        excluded = self._excluded(question, 5 - len(seen))
        return f"/v1/users/{shopper_id(shopper)}/recommendations?placement=home&n=12{excluded}{session}"

    def _seen(self, session: int) -> Sequence[str]:
        return self._item(session * 31), self._item(session * 31 + 1)

    def _similar(self, item: int, question: int) -> str:
        return f"/v1/items/{self._item(item)}/similar?n=12{self._excluded(question, 6)}"

    def _excluded(self, question: int, n: int) -> str:
        """Return ids to exclude: the first two are another pair for each of the first (items squared) questions."""
        n_items = len(self.shop.item_ids)
        numbers = (question, question + question // n_items + 1, *range(question + 2, question + n))
        return "".join(f"&exclude={self._item(number)}" for number in numbers)

    def _item(self, number: int) -> str:
        return self.shop.item_ids[number % len(self.shop.item_ids)]


def _root(at_most: int) -> Sequence[str]:
    return ["/"][:at_most]


def _nothing(_: int) -> Sequence[str]:
    return []
