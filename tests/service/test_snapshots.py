"""The champion is noticed, verified and swapped; what is bad is refused by name, and the old one goes on."""

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from models.context import build_context
from models.placement import Placement
from models.rank import Blend, Calibration, LogisticSum
from models.recommend import recommend
from service.snapshots import Snapshots
from store.bundles.published import PublishedBundles
from store.bundles.write import write_bundle
from store.database import Database, connect_database
from store.items import upsert_items
from store.migrate import upgrade
from store.placements import read_placements
from tests.store.bundles.drafts import draft_of, written
from tests.store.rows import item_row

ONE, TWO, THREE = (f"2026-11-0{day}T000000Z-0000" for day in (1, 2, 3))
NOON_US = 1_000_000_000_000_000
HOME = read_placements()["home"]


class Shop:
    """A folder of bundles, a catalogue, and a clock that a test sets."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.bundles = PublishedBundles(folder / "bundles")
        self.database = database
        self.verified = folder / "verified"
        self.now_us = NOON_US
        self.placements = {"home": HOME}
        self.stock("old-0", "old-1", "this-week")

    def publish(self, version: str) -> None:
        if version not in self.bundles.versions():
            written(self.bundles.root, version)
        self.bundles.promote(version, at="now")

    def stock(self, *item_ids: str, **values: object) -> None:
        with self.database.writing() as connection:
            upsert_items(connection, [item_row(item_id, **values) for item_id in item_ids], now_us=self.now_us)

    def file(self, version: str, name: str = "catalogue/prices.npy") -> Path:
        return self.bundles.root / version / name

    @asynccontextmanager
    async def serving(self, **settings: Any) -> AsyncIterator[Snapshots]:  # noqa: ANN401 - arguments of Snapshots
        usual: dict[str, Any] = {"catalogue_refresh_seconds": 3_600, "clock": lambda: self.now_us}
        snapshots = Snapshots(
            self.bundles,
            self.database,
            self.placements,
            verified=self.verified,
            **usual | settings,
            watch_seconds=0.01,
        )
        await snapshots.start()
        try:
            yield snapshots
        finally:
            await snapshots.close()


@pytest.fixture
def shop(tmp_path: Path, sqlite_url: str) -> Iterator[Shop]:
    database = connect_database(sqlite_url)
    upgrade(database)
    yield Shop(tmp_path, database)
    database.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so, for 20 seconds at most."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for belongs to others, who set no event
            await asyncio.sleep(0.005)


def version_of(snapshots: Snapshots) -> str | None:
    return snapshots.champion.snapshot.version if snapshots.champion else None


def test_without_a_bundle_it_waits_and_says_for_what_and_serves_the_first_that_is_published(shop: Shop) -> None:
    async def main() -> None:
        async with shop.serving() as snapshots:
            assert (snapshots.champion, snapshots.catalogue_age_seconds, snapshots.model_age_seconds) == (None,) * 3
            assert "run `endcap train`" in str(snapshots.waiting_for)
            shop.publish(ONE)
            await until(lambda: version_of(snapshots) == ONE)
            assert (snapshots.waiting_for, snapshots.refused) == (None, {})

    asyncio.run(main())


def test_a_swap_fails_no_answer_and_the_old_bundle_is_freed(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            assert snapshots.champion is not None
            old = weakref.ref(snapshots.champion.snapshot)
            versions = []
            for version in (TWO, THREE, ONE):
                shop.publish(version)
                while version_of(snapshots) != version:
                    snapshot = snapshots.champion.snapshot
                    context = build_context(snapshot.vocabulary, snapshot.memory, now_us=NOON_US)
                    assert len(recommend(context, snapshot, HOME).rows)
                    del snapshot
                    await asyncio.sleep(0)
                versions.append(version_of(snapshots))
            assert versions == [TWO, THREE, ONE]
            gc.collect()
            assert old() is None

    asyncio.run(main())


def test_a_rollback_is_a_swap(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        shop.publish(TWO)
        async with shop.serving() as snapshots:
            assert version_of(snapshots) == TWO
            shop.bundles.rollback(at="now")
            await until(lambda: version_of(snapshots) == ONE)

    asyncio.run(main())


def flip(path: Path) -> bytes:
    """Change the last byte of a file, and return what it was."""
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    return before


def publish_damaged(shop: Shop, version: str) -> bytes:
    """Publish a bundle that somebody tampers with after it was promoted and before anybody opens it."""
    written(shop.bundles.root, version)
    before = flip(shop.file(version))
    pointer = shop.bundles.root / "champion.json"
    text = pointer.read_text("utf-8") if pointer.exists() else f'{{"champion": "{version}"}}'
    partial = pointer.with_suffix(".partial")
    partial.write_text(text.replace(f'"champion": "{version_in(text)}"', f'"champion": "{version}"'), "utf-8")
    partial.rename(pointer)
    return before


def version_in(text: str) -> str:
    return text.partition('"champion": "')[2].partition('"')[0]


def test_a_bad_bundle_is_refused_by_name_told_once_and_the_old_one_goes_on(shop: Shop) -> None:
    async def main() -> list[Any]:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            with capture_logs() as logged:
                publish_damaged(shop, TWO)
                await until(lambda: snapshots.refused)
                # Looked at again and again: it is the same refusal.
                for _ in range(3):
                    os.utime(shop.bundles.root / "champion.json")
                    await until(lambda: snapshots._handled == shop.bundles.mark(TWO))
            assert version_of(snapshots) == ONE
            assert "catalogue/prices.npy" in snapshots.refused[TWO]
            return [line for line in logged if line["event"] == "bundle_refused"]

    [line] = asyncio.run(main())
    assert (line["model_version"], line["goes_on"]) == (TWO, ONE)


def test_a_first_bundle_that_is_bad_is_what_it_waits_for(shop: Shop) -> None:
    async def main() -> None:
        publish_damaged(shop, ONE)
        async with shop.serving() as snapshots:
            assert (snapshots.champion, list(snapshots.refused)) == (None, [ONE])
            assert ONE in str(snapshots.waiting_for)

    asyncio.run(main())


def test_a_refused_bundle_that_is_mended_serves(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            good = publish_damaged(shop, TWO)
            await until(lambda: snapshots.refused)
            shop.file(TWO).write_bytes(good)
            await until(lambda: version_of(snapshots) == TWO)
            assert snapshots.refused == {}

    asyncio.run(main())


def test_a_rollback_from_a_refused_bundle_ends_the_refusal(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            publish_damaged(shop, TWO)
            await until(lambda: snapshots.refused)
            shop.bundles.promote(ONE, at="now")
            await until(lambda: not snapshots.refused)
            assert version_of(snapshots) == ONE

    asyncio.run(main())


def test_a_damaged_champion_file_is_refused_and_the_old_bundle_goes_on(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            (shop.bundles.root / "champion.json").write_text("{")
            await until(lambda: snapshots.refused)
            assert (list(snapshots.refused), version_of(snapshots)) == (["champion.json"], ONE)
            shop.publish(TWO)
            await until(lambda: version_of(snapshots) == TWO)
            assert snapshots.refused == {}

    asyncio.run(main())


def test_a_champion_file_that_is_gone_is_told_and_the_old_bundle_goes_on(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            (shop.bundles.root / "champion.json").unlink()
            await until(lambda: snapshots.refused)
            assert "it is gone" in snapshots.refused["champion.json"]
            assert version_of(snapshots) == ONE
            shop.bundles.promote(ONE, at="now")
            await until(lambda: not snapshots.refused)

    asyncio.run(main())


def test_a_bundle_that_fails_when_it_is_asked_is_refused_before_anybody_asks(shop: Shop) -> None:
    draft, nothing = draft_of("new item"), np.zeros(0, np.float32)
    no_curve = LogisticSum(0.0, dict.fromkeys(draft.learned, Calibration(nothing, nothing, 0.0, 1.0)))
    wrong = replace(draft, version=TWO, rankers=dict.fromkeys(draft.rankers, Blend(no_curve, no_curve)))

    async def main() -> None:
        shop.publish(ONE)
        write_bundle(shop.bundles.root, wrong)
        async with shop.serving() as snapshots:
            shop.publish(TWO)
            await until(lambda: snapshots.refused)
            assert "fails when it is asked for placement 'home'" in snapshots.refused[TWO]
            assert version_of(snapshots) == ONE

    asyncio.run(main())


def test_a_placement_that_a_bundle_cannot_rank_is_named_and_the_others_are_served(shop: Shop) -> None:
    shop.placements["odd"] = Placement("odd", "complement", {"popular": 10, "new": 10})
    write_bundle(shop.bundles.root, replace(draft_of("new item"), version=ONE, rankers=only_personal()))

    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            assert snapshots.champion is not None
            assert list(snapshots.champion.degraded) == ["odd"]
            assert "cannot rank placement 'odd'" in snapshots.champion.degraded["odd"]

    asyncio.run(main())


def only_personal() -> Any:  # noqa: ANN401 - rankers by task
    return {"personal": draft_of("new item").rankers["personal"]}


def test_stock_is_read_again_and_the_age_of_the_catalogue_told(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving(catalogue_refresh_seconds=0.01) as snapshots:
            serving = snapshots.champion
            assert serving is not None
            row = serving.snapshot.vocabulary.row("this-week")
            assert serving.snapshot.catalogue.in_stock[row]
            shop.now_us += 5_000_000
            shop.stock("this-week", in_stock=False)
            shop.stock("brand-new")
            await until(lambda: snapshots.champion is not serving and snapshots.catalogue_age_seconds == 0)
            await until(lambda: "brand-new" in now(snapshots).snapshot.vocabulary)
            assert not now(snapshots).snapshot.catalogue.in_stock[row]
            assert now(snapshots).snapshot.catalogue is now(snapshots).view.catalogue
            assert len(serving.snapshot.catalogue) < len(now(snapshots).view.catalogue)

    asyncio.run(main())


def now(snapshots: Snapshots) -> Any:  # noqa: ANN401 - a Serving that is there
    return snapshots.champion


def rename(database: Database, old: str, new: str) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def test_while_the_catalogue_cannot_be_read_the_old_one_goes_on_and_grows_old(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving(catalogue_refresh_seconds=0.01) as snapshots:
            before = now(snapshots).view.catalogue
            rename(shop.database, "items", "away")
            await until(lambda: snapshots.failures["refresh_catalogue"] > 2)
            shop.now_us += 60_000_000
            assert snapshots.catalogue_age_seconds == 60
            assert now(snapshots).view.catalogue is before
            rename(shop.database, "away", "items")
            await until(lambda: snapshots.catalogue_age_seconds == 0)

    with capture_logs() as logged:
        asyncio.run(main())
    assert [line["event"] for line in logged].count("refresh_catalogue_failed") == 1


def test_a_catalogue_that_cannot_be_read_is_no_fault_of_a_new_bundle(shop: Shop) -> None:
    async def main() -> None:
        shop.publish(ONE)
        async with shop.serving() as snapshots:
            rename(shop.database, "items", "away")
            shop.publish(TWO)
            await until(lambda: snapshots.failures["watch_bundles"])
            assert (version_of(snapshots), snapshots.refused) == (ONE, {})
            rename(shop.database, "away", "items")
            await until(lambda: version_of(snapshots) == TWO)

    with capture_logs():
        asyncio.run(main())


def test_a_reading_that_began_before_a_swap_does_not_bring_the_old_bundle_back(shop: Shop) -> None:
    reading, go_on = threading.Event(), threading.Event()
    armed = False

    def clock() -> int:
        nonlocal armed
        if armed and threading.current_thread().name.startswith("snapshots"):
            armed = False
            reading.set()
            go_on.wait(20)
        return shop.now_us

    async def main() -> None:
        nonlocal armed
        shop.publish(ONE)
        async with shop.serving(catalogue_refresh_seconds=0.01, clock=clock) as snapshots:
            armed = True
            await until(reading.is_set)
            shop.publish(TWO)
            await until(lambda: version_of(snapshots) == TWO)
            swapped_in = snapshots.champion
            shop.now_us += 1
            go_on.set()
            await until(lambda: snapshots.champion is not swapped_in)
            assert version_of(snapshots) == TWO

    asyncio.run(main())
