"""Two workers, their servers, and the shoppers who notice when an answer is stale."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from tests.processes import Served
from tests.valkeys import Valkey

Alone = Callable[..., Served]
"""Make an `endcap serve` of one process over a corner shop of its own, not started yet; takes settings."""


@dataclass
class Floor:
    """The service, and what it stands on."""

    served: Served
    valkey: Valkey
    server: Any
    """Of PostgreSQL."""
    database_url: str

    def shopper(self, name: str) -> "Shopper":
        return Shopper(self.served, name)

    def query(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Ask the database past the service."""
        engine = create_engine(self.database_url)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(statement), values)]
        engine.dispose()
        return found

    def n_stored(self, shopper: str) -> list[int]:
        """How often each event of a shopper is stored, by item."""
        found = self.query("SELECT count(*) FROM events WHERE user_id = :name GROUP BY item_id", name=shopper)
        return [n for (n,) in found]

    @contextmanager
    def without_database(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.ensure_postgres_running()

    def mend(self) -> None:
        """Bring back whatever a test that failed took away."""
        with suppress(ProcessLookupError, AssertionError):
            self.valkey.thaw()


@dataclass
class Shopper:
    """Who buys the first thing that is new to them, and sees at once whether the service knows."""

    served: Served
    name: str
    slowest_seconds: float = 0.0

    @property
    def path(self) -> str:
        return f"/v1/users/{self.name}/recommendations?placement=new-for-you"

    def sees(self) -> dict[str, Any]:
        """Return the reply of any worker."""
        with self.served.client() as client:
            began = time.perf_counter()
            reply = client.get(self.path)
            self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - began)
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told

    def buys(self, event_id: str | None = None) -> str:
        """Report that they bought what stands first now, and return its id."""
        item_id: str = self.sees()["items"][0]["item_id"]
        reply = self.served.post("/v1/events", {"events": [self.purchase(item_id, event_id)]})
        assert reply["accepted"] == 1, reply
        return item_id

    def purchase(self, item_id: str, event_id: str | None = None) -> dict[str, str]:
        event = {"event_type": "purchase", "user_id": self.name, "item_id": item_id}
        return event if event_id is None else {**event, "event_id": event_id}

    def post(self, client: httpx.Client, item_id: str, event_id: str) -> httpx.Response:
        return client.post("/v1/events", json={"events": [self.purchase(item_id, event_id)]})

    def everybody_knows_of(self, *item_ids: str) -> None:
        """Claim that what was bought is new no more, whichever worker says so."""
        for worker, reply in self.served.ask_each(self.path).items():
            assert reply.status_code == 200, reply.text
            told = reply.json()
            assert told["history"] is None, f"worker {worker} could not read the history"
            stale = set(item_ids) & {item["item_id"] for item in told["items"]}
            assert not stale, f"worker {worker} does not know that {stale} was bought"

    def is_told(self, *item_ids: str) -> None:
        """The same, of whichever worker answers."""
        stale = set(item_ids) & {item["item_id"] for item in self.sees()["items"]}
        assert not stale, f"it is not known that {stale} was bought"
