"""What a report says beside measurements: what the recipe changes, and how earlier bundles did."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from store.bundles.manifest import Manifest
from store.bundles.write import Draft
from training.config import Recipe
from training.evaluate.intervals import Interval
from training.evaluate.lists import ENDCAP
from training.evaluate.table import ALL
from training.gate import METRIC

_MOST_EARLIER = 20


@dataclass(frozen=True)
class Changed:
    """One key of the recipe that is not at its default."""

    key: str
    value: Any
    default: Any


@dataclass(frozen=True)
class Recorded:
    """What one bundle's gate measured: its own recipe, on the last horizon of its own data."""

    version: str
    created_at: str
    until_us: int
    same_recipe: bool
    """As the bundle of this report."""
    tasks: Mapping[str, Interval]
    """Task -> ndcg@20; a bundle without intervals has the figure three times."""


def changes(recipe: Recipe) -> tuple[Changed, ...]:
    """Return what differs from the defaults, a key a line."""
    return tuple(_differing("", _whole(recipe), _whole(Recipe())))


def _whole(recipe: Recipe) -> dict[str, Any]:
    """Return every key of a recipe, those of its sources too."""
    sources = {name: recipe.source_settings(name).model_dump(mode="json") for name in recipe.sources}
    return {**recipe.model_dump(mode="json"), "sources": sources}


def _differing(path: str, value: Any, default: Any) -> list[Changed]:  # noqa: ANN401 - whatever TOML may hold
    if value == default:
        return []
    if not (isinstance(value, dict) and isinstance(default, dict)):
        return [Changed(path, value, default)]
    keys = dict.fromkeys((*value, *default))
    found = [_differing(f"{path}.{key}".lstrip("."), value.get(key), default.get(key)) for key in keys]
    return [one for several in found for one in several]


def recorded(earlier: Sequence[Manifest], draft: Draft) -> tuple[Recorded, ...]:
    """Return the figures that bundles keep of their gates, oldest first: the newest 20, and the draft's as the last."""
    several: list[Manifest | Draft] = [*earlier[-_MOST_EARLIER:], draft]
    return tuple(_recorded(one, draft.recipe) for one in several)


def _recorded(one: Manifest | Draft, recipe: Mapping[str, Any]) -> Recorded:
    tasks = {task: Interval(figure, figure, figure) for task, figure in one.metrics.figures.items()}
    for row in one.metrics.rows:
        # A table of another Endcap may have other columns; the figures above are always there.
        with suppress(KeyError, TypeError):
            if (row["model"], row["segment"]) == (ENDCAP, ALL) and row["task"] in tasks:
                tasks[row["task"]] = Interval(**row["metrics"][METRIC])
    return Recorded(one.version, one.created_at, one.data.until_us, one.recipe == dict(recipe), tasks)
