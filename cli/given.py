"""What an evaluation is given: the shop in the database, or files; and where they are cut."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from models.errors import InputError
from store.opening import open_database
from training.config import Recipe
from training.cutoff import mapped_cutoff, stored_shift_us
from training.data_end import data_end_us
from training.evaluate.frames import moment_us
from training.evaluate.leave_one_out import Setting
from training.evaluate.protocols import Given
from training.files import file_job, read_files
from training.importing.fields import Reading, check_timezone, read_mapping
from training.importing.tables import fields_of
from training.progress import Steps
from training.read import ShopData, read_shop

EventsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--events", help="A file of events (.parquet, .csv, .jsonl) instead of the database."),
]
ItemsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--items", help="The catalogue of those events. Default: what they are about.")
]
TrainFile: TypeAlias = Annotated[
    Path | None, typer.Option("--train", help="Events to learn from, where the data comes split in two files.")
]
TestFile: TypeAlias = Annotated[Path | None, typer.Option("--test", help="Events to find, beside --train.")]
Mapping: TypeAlias = Annotated[
    list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN,...", help="What files of events call a field.")
]
Timezone: TypeAlias = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="The zone of times in files without one.")
]


@dataclass(frozen=True)
class Files:
    """The files that a person names, and how they are read; none = the database."""

    events: Path | None = None
    items: Path | None = None
    train: Path | None = None
    test: Path | None = None
    mapping: tuple[str, ...] = ()
    timezone: str | None = None

    @property
    def any(self) -> bool:
        """Whether files are named at all. Raises InputError if they do not go together."""
        if self.events is not None and (self.train is not None or self.test is not None):
            raise InputError("--events is one file that is cut, --train and --test are two: give the one or the others")
        if (self.train is None) != (self.test is None):
            raise InputError("--train and --test go together: give both")
        named = self.events is not None or self.train is not None
        if not named and (self.items is not None or self.mapping or self.timezone):
            raise InputError("--items, --map and --timezone say how files are read: give --events too")
        return named


@dataclass(frozen=True)
class Read:
    """A shop, and how its times are to be understood."""

    shop: ShopData
    test: ShopData | None
    until_us: int
    """After all that is measured."""
    shift_us: int = 0
    """How far the times of the data as it came were moved."""

    def given(self, recipe: Recipe, cutoff: str, horizon_days: int | None, setting: Setting) -> Given:
        """Return what protocols work with. Raises InputError for a cutoff that is none."""
        return Given(
            shop=self.shop,
            until_us=self.until_us,
            usual_days=recipe.horizon_days,
            horizons=recipe.ranker.horizons,
            cutoff_us=self.cutoff_us(cutoff),
            horizon_days=horizon_days,
            test=self.test,
            setting=setting,
        )

    def cutoff_us(self, text: str) -> int | None:
        """Return what a cutoff means in these times; None if there is none. Raises InputError."""
        if not text:
            return None
        return mapped_cutoff(text, shift_us=self.shift_us, data_end_us=self.until_us - 1)


def read_given(files: Files, database_url: str, steps: Steps) -> Read:
    """Read the files, or else the database. Raises InputError, TrainingError."""
    if files.any:
        return _read_files(files, steps)
    database = open_database(database_url)
    shop = read_shop(database)
    with database.reading() as connection:
        shift_us = stored_shift_us(connection)
    return Read(shop, None, data_end_us(shop.events, datetime.now(UTC)), shift_us)


def _read_files(files: Files, steps: Steps) -> Read:
    names = read_mapping(files.mapping, fields_of("events"))
    reading = Reading(names, check_timezone(files.timezone))
    events = [file_job("events", path, reading) for path in (files.events or files.train, files.test) if path]
    items = file_job("items", files.items, Reading(timezone=reading.timezone)) if files.items else None
    found = read_files(events, items, now_us=time.time_ns() // 1000)
    for remark in found.remarks:
        steps.warn(remark)
    shop, *others = found.shops
    test = others[0] if others else None
    return Read(shop, test, moment_us((test or shop).events["ts"].max()) + 1)
