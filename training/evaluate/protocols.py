"""The protocols by name: what `endcap evaluate --protocol` takes, and what each learns from, asks and measures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import polars as pl

from models.arrays import DAY_US
from models.errors import InputError, TrainingError
from models.history import Memory
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate import basket, fixed_split, item_to_item, leave_one_out, next_item, sessions, temporal
from training.evaluate.after import stage_of
from training.evaluate.asked import Stage
from training.evaluate.frames import LayOut, moment_us
from training.evaluate.held_out import Split, split_at
from training.evaluate.table import Options, Table
from training.read import ShopData

TEMPORAL: Final = "temporal"
BY_SESSION: Final = (next_item.NAME, item_to_item.NAME)
BY_FILE: Final = (*BY_SESSION, fixed_split.NAME)
"""Take two files."""
NAMES: Final = (TEMPORAL, basket.TASK, leave_one_out.NAME, *BY_FILE)
TASKS: Final[Mapping[str, tuple[Task, ...]]] = {
    TEMPORAL: ("personal", "new_to_you"),
    basket.TASK: ("complement",),
    leave_one_out.NAME: (leave_one_out.TASK,),
    next_item.NAME: (next_item.TASK,),
    item_to_item.NAME: (item_to_item.TASK,),
    fixed_split.NAME: (fixed_split.TASK,),
}
"""What each protocol asks: rankings of other tasks need not be fitted."""
_PARTS = 3
"""Where nobody says, at most the last of so many parts of the time is measured; and rankings learn from at most the
last of so many parts of what is before that."""


class Evaluate(Protocol):
    """Measures a snapshot that was fitted on `split.past`. Raises InputError if there is nothing to measure it on."""

    def __call__(
        self, snapshot: Snapshot, split: Split, placements: Mapping[Task, Placement], options: Options
    ) -> Table: ...


class Measure(Protocol):
    """Measures a snapshot that was fitted on the testing stage's past. Raises InputError if nothing can be asked."""

    def __call__(self, snapshot: Snapshot, *, placements: Mapping[Task, Placement], options: Options) -> Table: ...


@dataclass(frozen=True)
class Given:
    """What an evaluation has to work with."""

    shop: ShopData
    """All of it; or what may be learned from, where `test` is a file of its own."""
    until_us: int
    """The end of what is measured."""
    usual_days: float
    """The recipe's horizon: what is measured where nobody says, and what rankings learn from."""
    learning_days: float | None = None
    """What rankings learn from, where it is something else than the usual days: of two recipes each has its own."""
    horizons: int = 1
    """How many of them before the cutoff rankings learn from, where they are cut by time."""
    cutoff_us: int | None = None
    """None = as `cutoff_us_of` says."""
    horizon_days: float | None = None
    """How long after the cutoff is measured; None = until the end, at most the usual horizon."""
    test: ShopData | None = None
    setting: leave_one_out.Setting = field(default_factory=leave_one_out.Setting)


@dataclass(frozen=True)
class Staged:
    """Protocols that share their stages."""

    learning: tuple[Stage, ...]
    """What rankings learn from, oldest first."""
    testing: Stage
    measures: Mapping[str, Measure]
    """By protocol, in the order in which they run."""
    fewer: str = ""
    """Why there are fewer horizons to learn from than were asked for; empty where there are not."""

    @property
    def tasks(self) -> frozenset[Task]:
        """The tasks whose rankings are asked."""
        return frozenset(task for name in self.measures for task in TASKS[name])


PROTOCOLS: Final[Mapping[str, Evaluate]] = {TEMPORAL: temporal.temporal, basket.TASK: basket.basket}
"""Those that share one fit, which a trial is; measured together where no protocol is asked for."""


def staged(names: Sequence[str], given: Given, memory: Memory, lay_out: LayOut, seed: int) -> Staged:
    """Return the stages of one protocol, or of several of PROTOCOLS. Raises InputError if the data forbids it."""
    name = names[0]
    _refuse_wrong_files(name, given)
    if name in PROTOCOLS:
        return _by_time(names, given, lay_out, seed)
    if name in BY_SESSION:
        return _by_session(name, given, lay_out)
    if name == leave_one_out.NAME:
        learning, testing = leave_one_out.stages(given.shop, memory, lay_out, given.setting)
        measure = partial(leave_one_out.leave_one_out, testing=testing, setting=given.setting)
    else:
        until_us = _end_us(given.shop.events)
        learning, testing = fixed_split.stages(given.shop, _test_of(given), memory, lay_out, until_us, seed)
        measure = partial(fixed_split.fixed_split, testing=testing)
    return Staged((learning,), testing, {name: measure})


def cutoff_us_of(name: str, given: Given) -> int:
    """Return when the test of a protocol begins that is cut by time; nothing of the test is looked at but its end."""
    if given.cutoff_us is not None:
        return given.cutoff_us
    if given.test is not None:
        return _end_us(given.shop.events)
    days = given.horizon_days or _usual_days(given)
    if name in BY_SESSION:
        # Whole days of the calendar, the last one included however long it is.
        return (given.until_us - 1) // DAY_US * DAY_US - round((days - 1) * DAY_US)
    return given.until_us - round(days * DAY_US)


def _by_time(names: Sequence[str], given: Given, lay_out: LayOut, seed: int) -> Staged:
    cutoff_us = cutoff_us_of(names[0], given)
    days = _days_measured(given, cutoff_us)
    splits = [split_at(given.shop, lay_out, cutoff_us, days)]
    if TEMPORAL not in names:
        basket.require_orders(splits[0].held_out)
    first_us = moment_us(given.shop.events["ts"].min())
    learning_days = min(given.learning_days or given.usual_days, (cutoff_us - first_us) / DAY_US / _PARTS)
    fewer = ""
    for number in range(1, given.horizons + 1):
        try:
            earlier_us = cutoff_us - round(number * learning_days * DAY_US)
            splits.insert(0, split_at(given.shop, lay_out, earlier_us, learning_days))
        except (InputError, TrainingError) as error:
            if number == 1:
                raise
            fewer = f"rankings learn from {number - 1} of {given.horizons} horizons: {error}"
            break
    *learning, testing = (stage_of(split, seed) for split in splits)
    measures = {name: partial(PROTOCOLS[name], split=splits[-1]) for name in names}
    return Staged(tuple(learning), testing, measures, fewer)


def _by_session(name: str, given: Given, lay_out: LayOut) -> Staged:
    until_us, cutoff_us = given.until_us, cutoff_us_of(name, given)
    if given.test is None and given.horizon_days is not None:
        until_us = min(until_us, cutoff_us + round(_days_measured(given, cutoff_us) * DAY_US))
    learning, testing = sessions.stages(given.shop, given.test, lay_out, cutoff_us, until_us)
    measure = next_item.next_item if name == next_item.NAME else item_to_item.item_to_item
    return Staged((learning.stage,), testing.stage, {name: partial(measure, testing=testing)})


def _days_measured(given: Given, cutoff_us: int) -> float:
    """Return the days after the cutoff that are measured. Raises InputError where more are asked for than there are."""
    days = given.horizon_days or _usual_days(given)
    there = math.ceil((given.until_us - cutoff_us) / DAY_US)
    if days <= there or there <= 0:  # with no day left, whoever looks for what to find says so
        return days
    if given.horizon_days is not None:
        raise InputError(f"the data ends {there} days after the cutoff: set --horizon-days to {there} at most")
    return there


def _usual_days(given: Given) -> float:
    """Return the days that are measured where nobody says: the recipe's, at most a third of the data's."""
    span_us = given.until_us - moment_us(given.shop.events["ts"].min())
    return min(given.usual_days, float(max(1, span_us // DAY_US // _PARTS)))


def _test_of(given: Given) -> ShopData:
    if given.test is None:
        raise InputError(f"protocol {fixed_split.NAME} takes two files: give --train and --test")
    return given.test


def _refuse_wrong_files(name: str, given: Given) -> None:
    if given.test is not None and name not in BY_FILE:
        raise InputError(f"protocol {name} cuts one file by itself: give --events instead of --train and --test")
    if given.cutoff_us is not None and name not in (*PROTOCOLS, *BY_SESSION):
        raise InputError(f"protocol {name} does not cut by time: leave --cutoff out")


def _end_us(events: pl.DataFrame) -> int:
    """Return the moment after the last event."""
    return moment_us(events["ts"].max()) + 1
