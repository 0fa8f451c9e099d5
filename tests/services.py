"""A service in this process, over a shop that was trained in two seconds, asked without a network."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.serve import put_together
from cli.settings import Settings
from service.app import create_app
from service.parts import Parts
from store.bundles.published import PublishedBundles
from store.database import Database
from store.opening import open_database
from store.placements import read_placements
from tests.shops import RECIPE, corner_shop, stock
from tests.worlds import NOW
from training.progress import Steps
from training.run import train


@dataclass(frozen=True)
class Service:
    """A running service and a client of it."""

    client: httpx.AsyncClient
    parts: Parts

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - what a query may hold
        """Return the JSON of a good reply."""
        reply = await self.client.get(path, params=parameters or None)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def post(self, path: str, body: Any, status: int = 200) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        """Return the JSON of a reply of this status."""
        reply = await self.client.post(path, json=body)
        assert reply.status_code == status, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def buys(self, user_id: str, *item_ids: str) -> None:
        """Report purchases now."""
        events = [{"event_type": "purchase", "user_id": user_id, "item_id": item_id} for item_id in item_ids]
        reply = await self.post("/v1/events", {"events": events}, status=202)
        assert reply["accepted"] == len(item_ids), reply


Story = Callable[[Service], Awaitable[None]]


def tell(settings: Settings, story: Story) -> None:
    """Run a story in a service of its own."""

    async def run() -> None:
        async with running(settings) as service:
            await story(service)

    asyncio.run(run())


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Start a service in this event loop, and end it."""
    parts = put_together(settings)
    app = create_app(parts)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield Service(client, parts)


def teach(database: Database, bundles: Path) -> str:
    """Stock the corner shop, its last day moved to today, train, publish; return the bundle's version."""
    stock(database, corner_shop(), later=datetime.now(UTC) - NOW)
    trained = train(
        database=database,
        bundles=PublishedBundles(bundles),
        recipe=RECIPE,
        placements=read_placements(),
        now=datetime.now(UTC),
        steps=Steps(),
    )
    return trained.version


@pytest.fixture(scope="session")
def taught_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a trained corner shop. No test may change it."""
    home = tmp_path_factory.mktemp("taught")
    database = open_database(f"sqlite:///{home / 'endcap.sqlite3'}")
    teach(database, home / "bundles")
    database.close()
    return home


@pytest.fixture
def home(taught_home: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(taught_home, tmp_path / "home"))


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of a service over the copy."""
    return Settings(home=home)
