"""A service that dies between the commit and the end of a change leaves nothing stale to the others."""

import asyncio
import signal
import subprocess
import sys

from models.history import History, Memory
from models.packing import pack_history
from service.histories import history_field
from store.database import Database
from store.events import data_window
from store.shopper_cache.on_redis import RedisCache
from store.shoppers import history_of

MEMORY = Memory(weights=(1.0,) * 10, half_life_days=30.0)
FIELD = history_field(MEMORY)
MARK_SECONDS = 1.5

SERVICE = """
import asyncio, os, signal, sys
from service.metrics import Metrics
from service.writer import EventWriter
from store.opening import open_database
from store.shopper_cache.on_redis import RedisCache
from tests.service.test_crash import MARK_SECONDS, MEMORY
from tests.store.rows import event_row

class Killed(RedisCache):
    async def end_change(self, changes, histories):
        os.kill(os.getpid(), signal.SIGKILL)

async def write():
    cache = Killed(sys.argv[2], mark_seconds=MARK_SECONDS)
    await cache.start()
    writer = EventWriter(open_database(sys.argv[1]), cache, memory=lambda: MEMORY, metrics=Metrics())
    await writer.start()
    await writer.write([event_row("e1", item_id="tea")])

asyncio.run(write())
"""


def test_a_service_killed_between_commit_and_history_leaves_nothing_stale(database: Database, valkey_url: str) -> None:
    async def story() -> None:
        cache = RedisCache(valkey_url, mark_seconds=MARK_SECONDS)
        await cache.start()
        look = await cache.look("u:1", ("answer",), FIELD)
        assert look.token is not None
        await cache.keep_history("u:1", look.token, FIELD, pack_history(History(), MEMORY))
        await cache.keep_answer("u:1", look.token, "answer", b"old")
        await _until_kept(cache)
        url = database.engine.url.render_as_string(hide_password=False)
        killed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", SERVICE, url, valkey_url],
            capture_output=True,
            text=True,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        with database.reading() as connection:
            assert data_window(connection).n_events == 1
        found = await cache.look("u:1", ("answer",), FIELD)
        assert (found.answers, found.history) == ((None,), None)
        for _ in range(1_000):
            if found.token is not None:
                break
            assert found.state == "changing"
            await asyncio.sleep(0.02)
            found = await cache.look("u:1", ("answer",), FIELD)
            assert (found.answers, found.history) == ((None,), None)
        assert found.token is not None
        with database.reading() as connection:
            assert history_of(connection, "u:1", MEMORY, 50).recent.item_ids == ("tea",)
        await cache.close()

    asyncio.run(story())


async def _until_kept(cache: RedisCache) -> None:
    for _ in range(1_000):
        if (await cache.look("u:1", ("answer",), FIELD)).answers == (b"old",):
            return
        await asyncio.sleep(0.01)
