"""What every step of cleaning is: a switch, thresholds with a name, and one pass over the events."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Removed:
    """What one step took out."""

    step: str
    """The step's name, as in docs/cleaning.md and under `cleaning` in the configuration."""
    counts: dict[str, int]
    """Under `events` how many were removed, and what else the step counted."""
    what: str
    """What was removed and why, in a sentence."""

    @property
    def n_events(self) -> int:
        """How many events were removed."""
        return self.counts["events"]


class Step(BaseModel):
    """A step; its fields are its switch and its thresholds, which the configuration may set. All change results.

    A step sees the events before the moment that is learned from and nothing later, so that what it decides is what
    was known then. Doing it again changes nothing, and the order of the rows does not matter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: ClassVar[str]
    needs_times: ClassVar[bool] = False
    """Whether the step measures time, and so has nothing to say where times only order events."""

    on: bool = True
    """false leaves the step out."""

    @abstractmethod
    def apply(self, events: pl.DataFrame, items: pl.DataFrame) -> tuple[pl.DataFrame, Removed]:
        """Return the events that stay, in their order, and what was removed. Must take empty frames too.

        events, items: as in `training.read.ShopData`.
        """

    def removed(self, counts: dict[str, int], what: str) -> Removed:
        """Return the report of this step."""
        return Removed(self.name, counts, what)
