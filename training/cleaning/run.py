"""All steps in the order in which they are done, and the one way to do them."""

from dataclasses import dataclass, replace

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from models.errors import TrainingError
from training.cleaning.base import Removed, Step
from training.cleaning.cancellations import Cancellations
from training.cleaning.no_products import NoProducts
from training.cleaning.prices import Prices
from training.cleaning.repeats import Repeats
from training.cleaning.robots import Robots
from training.read import ShopData


class Cleaning(BaseModel):
    """Every step under its name, with its thresholds: the part `cleaning` of a training's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    warn_share: float = Field(default=0.1, ge=0, le=1)
    """A step that removes more than this share of the events is told as a warning. Changes no result."""
    cancellations: Cancellations = Cancellations()
    repeats: Repeats = Repeats()
    robots: Robots = Robots()
    prices: Prices = Prices()
    no_products: NoProducts = NoProducts()

    def steps(self) -> tuple[Step, ...]:
        """Return the steps in order, those that are turned off among them."""
        values = [getattr(self, name) for name in type(self).model_fields]
        return tuple(value for value in values if isinstance(value, Step))


@dataclass(frozen=True)
class Cleaned:
    """What cleaning did."""

    n_events: int
    """Events before it."""
    removed: tuple[Removed, ...]
    """One a step that was done, in order."""

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what was counted, by step: what a bundle keeps."""
        return {found.step: dict(found.counts) for found in self.removed}

    def warnings(self, cleaning: Cleaning) -> tuple[str, ...]:
        """Return a sentence for each step that removed more than `warn_share` of the events."""
        most = cleaning.warn_share * self.n_events
        return tuple(
            f"cleaning.{found.step} removes {found.n_events / self.n_events:.1%} of the events: {found.what} If these "
            f"are real, write `on = false` under [cleaning.{found.step}] in the training file."
            for found in self.removed
            if found.n_events > most
        )


def clean(shop: ShopData, cleaning: Cleaning, *, timeless: bool = False) -> tuple[ShopData, Cleaned]:
    """Return the shop without what says nothing of liking, and what was removed.

    shop: cut at the moment that is learned from, because every step looks at all events that it is given.
    timeless: times only order the events of one shopper; steps that measure time are left out.
    Raises TrainingError if nothing is left. Cost: about a second for 1.5 million events.
    """
    events, removed = shop.events, []
    for step in cleaning.steps():
        if step.on and not (timeless and step.needs_times):
            events, found = step.apply(events, shop.items)
            removed.append(found)
    if events.is_empty() and not shop.events.is_empty():
        most = max(removed, key=lambda found: found.n_events)
        raise TrainingError(
            f"cleaning leaves none of {len(shop.events):,} events. {most.step}: {most.what} Write `on = false` under "
            f"[cleaning.{most.step}] in the training file, or import more events"
        )
    return replace(shop, events=events), Cleaned(len(shop.events), tuple(removed))


def clean_before(
    shop: ShopData, cleaning: Cleaning, until_us: int, *, timeless: bool = False
) -> tuple[ShopData, Cleaned]:
    """Cut a shop at `until_us` and clean what is left: what comes later decides nothing."""
    before = shop.events.filter(pl.col("ts").dt.timestamp("us") < until_us)
    return clean(replace(shop, events=before), cleaning, timeless=timeless)
