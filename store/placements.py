"""Placements from TOML: the built-in ones, and what a shop's own file changes or adds."""

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ConfigurationError
from models.meant import nearest
from models.placement import Known, Placement, RankedBy, Task, source_of, view_of
from models.sources import SOURCES
from models.views import VIEWS

_MOST_ITEMS = 1_000
_MOST_CANDIDATES = 10_000


class _PlacementEntry(BaseModel):
    """One table of the file; the keys are `models.placement.Placement`'s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Task
    sources: dict[str, Annotated[int, Field(ge=0, le=_MOST_CANDIDATES)]] = Field(min_length=1)
    n: int = Field(default=12, gt=0, le=_MOST_ITEMS)
    known: Known = "keep"
    ranked_by: RankedBy = "learned"
    one_per_title: bool = True
    one_per_group: bool = True
    max_per_category: int | None = Field(default=None, gt=0)


def read_placements(path: Path | None = None) -> dict[str, Placement]:
    """Return the placements by name: the built-in ones with what a file changes, and those that it adds.

    A table of a built-in name changes only the keys that it has.

    Raises ConfigurationError naming the placement and the key.
    """
    builtin = tomllib.loads(files("store").joinpath("placements.toml").read_text("utf-8"))
    if path is None:
        return _parsed(builtin, "the built-in placements")
    try:
        own = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the placements file {path} cannot be read: {error}") from error
    for name, table in own.items():
        changes = isinstance(table, dict) and name in builtin
        builtin[name] = builtin[name] | table if changes else table
    return _parsed(builtin, str(path))


def placement_named(name: str, placements: dict[str, Placement]) -> Placement:
    """Return one placement. Raises ConfigurationError naming the nearest one."""
    if name in placements:
        return placements[name]
    meant = nearest(name, placements)
    there = ", ".join(placements)
    raise ConfigurationError(f"there is no placement {name!r}; did you mean {meant!r}? There are: {there}")


def _parsed(raw: dict[str, Any], where: str) -> dict[str, Placement]:
    parsed = {}
    for name, table in raw.items():
        try:
            entry = _PlacementEntry.model_validate(table)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join([name, *(str(part) for part in first["loc"])])
            known = ", ".join(_PlacementEntry.model_fields)
            what = f"{first['msg']}."
            if first["type"] == "extra_forbidden":
                meant = nearest(str(first["loc"][-1]), _PlacementEntry.model_fields)
                what = f"there is no such key; did you mean {meant!r}?"
            raise ConfigurationError(f"{where}: {key}: {what} The keys are {known}") from error
        for column in entry.sources:
            _refuse_unknown("source", source_of(column), SOURCES, f"{where}: {name}")
            if view_of(column):
                _refuse_unknown("view", view_of(column), VIEWS, f"{where}: {name}: {column}")
        parsed[name] = Placement(name=name, **entry.model_dump())
    return parsed


def _refuse_unknown(what: str, word: str, there: Collection[str], where: str) -> None:
    if word not in there:
        raise ConfigurationError(f"{where}: no {what} {word!r}; did you mean {nearest(word, there)!r}?")
