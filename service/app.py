"""The application: its parts started and stopped, its paths, and what stands around all of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TypeAlias

from fastapi import FastAPI
from starlette.middleware import Middleware

from service import contract, problems
from service.access import RequireKey, RequireLocalName
from service.observing import Observe
from service.parts import Parts
from service.routes import events, health, items, lists, recommendations

Application: TypeAlias = FastAPI
"""For annotations outside service/, which alone knows FastAPI."""

_ABOUT = "Recommendations for a shop: who should see which item here, now, and why."


def create_app(parts: Parts) -> Application:
    """Return the application of one process over its parts, which it starts and stops."""
    guard = Middleware(RequireKey, key=parts.api_key) if parts.api_key else Middleware(RequireLocalName)
    app = FastAPI(
        title="Endcap",
        version=version("endcap"),
        description=_ABOUT,
        lifespan=_lifespan,
        middleware=[Middleware(Observe, metrics=parts.metrics), guard],
        redoc_url=None,
    )
    app.state.parts = parts
    # Not include_router: it wraps each router. A request pays for every path that it passes, so the pages of the
    # documentation, which FastAPI has put there, come last.
    own = [route for paths in (recommendations, items, lists, events, health) for route in paths.router.routes]
    app.router.routes[:0] = own
    problems.install(app)
    contract.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    async with AsyncExitStack() as stack:
        stack.callback(parts.database.close)
        stack.callback(parts.answering.histories.close)
        parts.metrics.watch(lambda: health.readings(parts))
        for part in (parts.cache, parts.writer, parts.imports, parts.snapshots, parts.metrics):
            await part.start()
            stack.push_async_callback(part.close)
        yield
