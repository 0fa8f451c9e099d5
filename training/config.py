"""The recipe: everything that decides what a training run makes. A bundle keeps it whole."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import ConfigurationError
from models.events import EVENT_TYPES
from models.history import Memory
from models.meant import nearest
from models.placement import Task
from training.checks.run import Checks
from training.cleaning.run import Cleaning
from training.data import MOST_WARM_ITEMS
from training.fit import FITS, fit_of
from training.ranker_settings import RankerSettings


class EventWeights(BaseModel):
    """How much each event says that a shopper likes an item; unitless. Changes results."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    view: float = Field(default=0.1, ge=0)
    click: float = Field(default=0.1, ge=0)
    add_to_cart: float = Field(default=0.5, ge=0)
    wishlist: float = Field(default=0.5, ge=0)
    purchase: float = Field(default=1.0, ge=0)
    rating: float = Field(default=1.0, ge=0)


class MemorySettings(BaseModel):
    """How events become weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: EventWeights = EventWeights()
    half_life_days: float = Field(default=90.0, gt=0)
    """After so many days an event weighs half. Changes results."""
    recent_events: int = Field(default=200, gt=0)
    """Raw events kept per shopper after the data's end. Changes results of very active shoppers."""

    def memory(self) -> Memory:
        """Return these settings as models/ takes them."""
        weights = self.weights.model_dump()
        return Memory(tuple(weights.get(name, 0.0) for name in EVENT_TYPES), self.half_life_days, self.recent_events)


def _bought_sources() -> dict[Task, tuple[str, ...]]:
    return {"personal": ("buy_again",)}


class BlendSettings(BaseModel):
    """How the blend is fitted on the validation window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_examples: int = Field(default=3_000, gt=0)
    """Shoppers (or orders) that it learns from, drawn by seed. Changes results little, and speed."""
    hardest: int = Field(default=200, gt=0)
    """Best candidates of each request on which the weights are fitted at last. Changes results."""
    bought_sources: dict[Task, tuple[str, ...]] = Field(default_factory=_bought_sources)
    """By task, the sources that rank what the shopper bought before; a task that is not named uses all. In three
    windows of Complete Journey no other source helped `buy_again` in `personal` steadily: one that helps in one window
    costs in the next. Changes results."""
    l2: float = Field(default=1e-3, ge=0)
    """Pull of the weights towards 0. Changes results."""


class GateSettings(BaseModel):
    """What a new bundle must show before it is published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_fall: float = Field(default=0.1, gt=0, lt=1)
    """With an unchanged recipe: the share by which ndcg@20 may fall against the champion's recorded figure."""


def _all_sources() -> dict[str, dict[str, Any]]:
    return {name: {} for name in FITS}


class Recipe(BaseModel):
    """A training configuration; every key has a default, and a key that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 1
    """All chance comes from it. Changes results."""
    min_shoppers: int = Field(default=1, ge=1)
    """Shoppers that an item needs before the collaborative sources cover it. Changes results and memory. Of what was
    chosen next on Amazon Beauty .83 was liked by five shoppers before and .998 by one; on RetailRocket .23 and .68."""
    max_warm_items: int = Field(default=MOST_WARM_ITEMS, gt=0)
    """Items that the collaborative sources cover at most: where more have `min_shoppers`, more are needed. Changes
    results, memory and speed."""
    horizon_days: int = Field(default=28, gt=0)
    """How far ahead the blend learns to look, and the length of the gate's test. Changes results."""
    memory: MemorySettings = MemorySettings()
    checks: Checks = Checks()
    """Thresholds of the data checks (docs/checks.md). They decide whether a training runs, never what it makes."""
    cleaning: Cleaning = Cleaning()
    """What leaves the events before they are learned from (docs/cleaning.md). Changes results."""
    blend: BlendSettings = BlendSettings()
    ranker: RankerSettings = RankerSettings()
    """The learned ranker, of each task that has enough to learn from."""
    gate: GateSettings = GateSettings()
    sources: dict[str, dict[str, Any]] = Field(default_factory=_all_sources, min_length=1)
    """Source -> its settings; a source that is not named is not trained. Without this table, all are."""

    @model_validator(mode="after")
    def _sources_are_known(self) -> "Recipe":
        for name in self.sources:
            self.source_settings(name)
        for names in self.blend.bought_sources.values():
            for name in names:
                fit_of(name)
        return self

    def source_settings(self, name: str) -> BaseModel:
        """Return the settings of one source, checked by its fit module."""
        try:
            return fit_of(name).Settings.model_validate(self.sources[name])
        except ValidationError as error:
            raise ConfigurationError(_told(error, f"sources.{name}.", fit_of(name).Settings)) from error


def read_recipe(path: Path | None) -> Recipe:
    """Read a training file; None gives the defaults. Raises ConfigurationError naming the key and the nearest one."""
    if path is None:
        return Recipe()
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the training file {path} cannot be read: {error}") from error
    return recipe_of(raw, str(path))


def recipe_of(raw: dict[str, Any], where: str) -> Recipe:
    """Check a recipe. Raises ConfigurationError naming the key and the nearest one."""
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {_told(error, '', Recipe)}") from error
    except ConfigurationError as error:  # of a source
        raise ConfigurationError(f"{where}: {error}") from error


def _told(error: ValidationError, prefix: str, model: type[BaseModel]) -> str:
    """Say the first thing that is wrong, and what was perhaps meant."""
    first = error.errors(include_url=False)[0]
    key = prefix + ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{key} cannot be {first['input']!r}: {first['msg']}"
    there = _keys_beside(model, first["loc"][:-1])
    meant = f"; did you mean {nearest(str(first['loc'][-1]), there)!r}?" if there else ""
    return f"there is no key {key}{meant}"


def _keys_beside(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a configuration may have at a path."""
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return list(model.model_fields)
