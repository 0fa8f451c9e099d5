"""What `--cutoff` says: a date of the data as it came, wherever its times were moved, or days before its end."""

import re
from datetime import UTC, datetime
from typing import Final

from models.arrays import DAY_US
from models.errors import InputError
from store.database import Transaction
from store.settings import recall

WEEK_US: Final = 7 * DAY_US

SHIFT_KEY = "complete_journey_shift_weeks"
"""The setting that says by how many weeks the times of Complete Journey were moved in a database."""


def stored_shift_us(connection: Transaction) -> int:
    """Return how far the times of the events in this database were moved when they were imported; 0 if never."""
    return int(recall(connection, SHIFT_KEY) or 0) * WEEK_US


def mapped_cutoff(text: str, *, shift_us: int, data_end_us: int) -> int:
    """Return the moment that `text` means, in microseconds since the epoch.

    text: a date or a time of the data as it came (2017-12-04, 2017-12-04T06:00:00+00:00; without an offset it is UTC),
    which moves as the data did; or -28d, 28 days before the data's end, so that exactly the last 28 days lie behind it.
    data_end_us: the time of the newest event, as the database has it.
    Raises InputError if it is neither, or not before the data's end.
    """
    days = re.fullmatch(r"-(\d{1,5})d", text.strip())
    cutoff_us = data_end_us + 1 - int(days[1]) * DAY_US if days else _moment_us(text) + shift_us
    if cutoff_us > data_end_us:
        end = datetime.fromtimestamp((data_end_us - shift_us) / 1e6, UTC)
        message = f"the cutoff {text!r} leaves nothing to measure on: the data, as it came, ends on {end:%Y-%m-%d}"
        raise InputError(message)
    return cutoff_us


def _moment_us(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"the cutoff {text!r} is neither a date such as 2017-12-04 nor days before the end such as -28d"
        raise InputError(message) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
