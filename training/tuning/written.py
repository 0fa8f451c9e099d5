"""A recipe as a training file: only what differs from the defaults."""

from collections.abc import Sequence
from typing import Any

import tomlkit
from pydantic import BaseModel

from training.config import Recipe
from training.fit import FITS


def as_training_file(recipe: Recipe, remarks: Sequence[str] = ()) -> str:
    """Return the text that `endcap train --config` takes for this recipe; remarks become comments at its head."""
    file = tomlkit.document()
    for remark in remarks:
        file.add(tomlkit.comment(remark))
    told = _differing(recipe, Recipe())
    told.pop("sources", None)
    sources = {
        name: _differing(recipe.source_settings(name), FITS[name].Settings.model_validate({}))
        for name in recipe.sources
    }
    # A source that is not named is not trained; without the table all are.
    if set(sources) != set(FITS) or any(sources.values()):
        told["sources"] = sources
    for key, value in told.items():
        file.add(key, value)
    return tomlkit.dumps(file)


def _differing(model: BaseModel, default: BaseModel) -> dict[str, Any]:
    """Return the keys whose values differ from the defaults, tables within tables, in types that TOML knows."""
    found: dict[str, Any] = {}
    for key, told in model.model_dump(mode="json", exclude_none=True).items():
        value, usual = getattr(model, key), getattr(default, key)
        if value == usual:
            continue
        # A table whose keys are names, not settings, is written whole: a key that is missing is one less.
        has_settings = isinstance(value, BaseModel) and isinstance(usual, BaseModel)
        found[key] = _differing(value, usual) if has_settings else told
    return found
