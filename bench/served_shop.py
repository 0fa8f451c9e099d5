"""The made-up shop as a service finds it: a database with its catalogue and shoppers, and a published bundle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import orjson
import polars as pl

from bench.recommend import Learned, asked_by, learn
from bench.shop import made_up_shop
from models.history import History
from models.packing import pack
from models.placement import Task
from store.bulk import Row
from store.bundles.manifest import DataWindow, Measured
from store.bundles.published import PublishedBundles
from store.bundles.write import Draft, write_bundle
from store.database import Database
from store.events import EVENT_COLUMNS, append_events, data_window
from store.histories import write_pasts
from store.items import ITEM_COLUMNS, upsert_items
from training.config import Recipe
from training.facts import facts_of
from training.versions import new_version

HISTORIES = 200
"""Different ones; shopper number HISTORIES has the same as shopper 0, under another id."""
AGE = timedelta(days=2)
"""How long ago training was, as of now; the recent events are of the first of these days."""


@dataclass(frozen=True)
class ServedShop:
    """What was learned, and who has shopped."""

    learned: Learned
    histories: Sequence[History]
    n_shoppers: int

    @property
    def item_ids(self) -> Sequence[str]:
        """Return the ids of the catalogue."""
        return self.learned.snapshot.vocabulary.ids

    def publish(self, root: Path) -> None:
        """Write a bundle into a folder of bundles and make it the champion."""
        now, data = datetime.now(UTC), self.learned.data
        draft = Draft(
            version=new_version(now),
            created_at=now.isoformat(),
            endcap_version=version("endcap"),
            catalogue=self.learned.snapshot.catalogue,
            n_warm=data.n_warm,
            memory=data.memory,
            learned=self.learned.sources,
            left_out={},
            facts=facts_of(data),
            rankers=dict.fromkeys(get_args(Task), self.learned.blend),
            recipe=Recipe().model_dump(mode="json"),
            data=DataWindow(
                first_us=int(data.events.ts_us.min()),
                until_us=data.until_us,
                n_events=len(data.events),
                n_shoppers=len(data.shoppers),
            ),
            metrics=Measured(protocol="none: a made-up shop", figures={}, rows=()),
            ready=self.learned.snapshot.ready,
        )
        write_bundle(root, draft)
        PublishedBundles(root).promote(draft.version, at=now.isoformat(), action="publish")

    def store(self, database: Database) -> None:
        """Write the catalogue, and what the shoppers did: the past as training leaves it, and the events since."""
        digest = self.learned.data.memory.digest()
        pasts = [(history.past.as_of_us, digest, pack(history.past)) for history in self.histories]
        with database.writing() as connection:
            upsert_items(connection, _item_rows(self.learned.data.items), now_us=self.learned.data.until_us)
            append_events(connection, list(self._event_rows()))
            seen_seq = data_window(connection).last_seq
            rows = ((f"u:{shopper_id(n)}", *pasts[n % len(pasts)]) for n in range(self.n_shoppers))
            write_pasts(connection, rows, seen_seq=seen_seq)

    def _event_rows(self) -> Iterator[Row]:
        given = [column for column in EVENT_COLUMNS if column not in {"quantity", "price", "digest"}]
        nothing = dict.fromkeys(given)
        for number in range(self.n_shoppers):
            user_id, recent = shopper_id(number), self.histories[number % len(self.histories)].recent
            for at, (item_id, ts_us) in enumerate(zip(recent.item_ids, recent.events.ts_us.tolist(), strict=True)):
                row = nothing | {
                    "event_id": f"{user_id}/{at}",
                    "event_type": "purchase",
                    "user_id": user_id,
                    "item_id": item_id,
                    "ts_us": ts_us,
                    "digest": 1,
                    "quantity": 1.0,
                    "price": 2.0,
                }
                yield tuple(row[column] for column in EVENT_COLUMNS)


def shopper_id(number: int) -> str:
    """Return the user_id of a shopper."""
    return f"s{number}"


def make_up(n_items: int, n_shoppers: int) -> ServedShop:
    """Make up a shop whose training ended AGE ago, and what its shoppers did before and since."""
    until = datetime.now(UTC).replace(microsecond=0) - AGE
    learned = learn(made_up_shop(n_items, n_items // 6, seed=1, until=until))
    histories = [asked_by(learned.snapshot, seed).history for seed in range(1, min(HISTORIES, n_shoppers) + 1)]
    return ServedShop(learned, histories, n_shoppers)


def _item_rows(items: pl.DataFrame) -> list[Row]:
    times = ("available_from", "available_until", "published_at")
    columns = items.drop("embedding").with_columns(
        pl.col(name).dt.timestamp("us").alias(f"{name}_us") for name in times
    )
    return [
        tuple(
            orjson.dumps(value).decode() if isinstance(value, list) else value for value in map(row.get, ITEM_COLUMNS)
        )
        for row in columns.iter_rows(named=True)
    ]
