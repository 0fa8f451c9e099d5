"""What a service is made of; cli/serve.py puts it together, requests read it as `request.app.state.parts`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.placement import Placement
from service.answering import Answering
from service.imported import ImportWatch
from service.metrics import Metrics
from service.snapshots import Snapshots
from service.writer import EventWriter
from store.circuit import Circuit
from store.database import Database
from store.shopper_cache.base import ShopperCache


@dataclass(frozen=True)
class Parts:
    """The parts of one process."""

    database: Database
    circuit: Circuit
    """Around reading from the database."""
    cache: ShopperCache
    snapshots: Snapshots
    placements: Mapping[str, Placement]
    writer: EventWriter
    imports: ImportWatch
    answering: Answering
    metrics: Metrics
    api_key: str | None
    """Needed for everything but /livez; None = for nothing."""
    events_keep_days: int
    """How old an event may be that comes in."""

    def database_state(self) -> Literal["ok", "away"]:
        """Say whether the database answered the last time that it was asked."""
        return "away" if self.circuit.is_open else "ok"
