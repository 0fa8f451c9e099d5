"""What tuning varies: keys of the recipe, each with the range in which a shop may want it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from models.errors import ConfigurationError
from models.meant import nearest
from training.config import Recipe, recipe_of

Value = int | float


@dataclass(frozen=True)
class Knob:
    """One key of the recipe and where to look for its value."""

    path: str
    """Dotted, as in a training file: `sources.als.factors`."""
    low: float
    high: float
    """Both are tried as well."""
    log: bool = False
    """Whether twice as much is a step of equal size everywhere in the range."""
    whole: bool = False
    """Whether only whole numbers are tried."""

    @property
    def group(self) -> str:
        """What `--only` calls it: the source, or the table of the recipe."""
        parts = self.path.split(".")
        return parts[1] if parts[0] == "sources" else parts[0]


SPACE: Final[tuple[Knob, ...]] = (
    Knob("min_shoppers", 1, 20, log=True),
    Knob("memory.half_life_days", 14, 720, log=True),
    Knob("memory.weights.view", 0.01, 1.0, log=True),
    Knob("memory.weights.add_to_cart", 0.05, 1.0, log=True),
    Knob("blend.l2", 1e-5, 0.1, log=True),
    Knob("blend.hardest", 50, 400, log=True),
    Knob("ranker.trees", 30, 600, log=True),
    Knob("ranker.leaves", 7, 63, log=True),
    Knob("ranker.learning_rate", 0.01, 0.2, log=True),
    Knob("ranker.min_examples", 20, 1_000, log=True),
    Knob("ranker.l2", 0.1, 100, log=True),
    Knob("ranker.missing_sources", 0, 0.5),
    Knob("sources.als.factors", 16, 128, log=True),
    Knob("sources.als.regularization", 0.005, 0.5, log=True),
    Knob("sources.als.confidence", 0.001, 0.1, log=True),
    Knob("sources.item_knn.neighbours", 50, 200, log=True),
    Knob("sources.item_knn.query_items", 4, 128, log=True),
    Knob("sources.covisitation.window", 2, 40, log=True),
    Knob("sources.covisitation.reverse", 0, 1),
    Knob("sources.covisitation.shrink", 2, 500, log=True),
    Knob("sources.covisitation.query_items", 4, 128, log=True),
    Knob("sources.comes_next.window", 2, 16, log=True),
    Knob("sources.comes_next.shrink", 2, 200, log=True),
    Knob("sources.bought_together.minimum_lift", 0, 3),
    Knob("sources.bought_together.shrink", 2, 200, log=True),
    Knob("sources.content.dimensions", 32, 512, log=True),
    Knob("sources.buy_again.prior_days", 5, 365, log=True),
    Knob("sources.buy_again.rate_prior_days", 200, 20_000, log=True),
    Knob("sources.buy_again.gap_prior", 0.05, 3, log=True),
    Knob("sources.buy_again.overdue_gaps", 1, 10, log=True),
    Knob("sources.buy_again.overdue_power", 0, 2),
    Knob("sources.buy_again.rest", 0, 1),
    Knob("sources.buy_again.rest_gaps", 0.05, 1, log=True),
    Knob("sources.trending.prior", 2, 200, log=True),
    Knob("sources.popular.half_life_days", 3, 180, log=True),
    Knob("sources.new.half_life_days", 3, 90, log=True),
)
"""A key that a recipe does not have (the source is not trained) is not varied."""


def space_of(recipe: Recipe, only: Sequence[str] = ()) -> tuple[Knob, ...]:
    """Return what can be varied in a recipe, each range widened to hold the recipe's own value.

    only: names of groups (sources, tables of the recipe) to narrow it to. Raises ConfigurationError for a group that
    there is not, naming the nearest one, and if nothing is left to vary.
    """
    groups = dict.fromkeys(knob.group for knob in SPACE)
    for name in only:
        if name not in groups:
            raise ConfigurationError(
                f"there is nothing called {name!r} to tune; did you mean {nearest(name, groups)!r}? "
                f"There are: {', '.join(groups)}"
            )
    values = values_of(recipe)
    chosen = [knob for knob in SPACE if knob.path in values and (not only or knob.group in only)]
    if not chosen:
        raise ConfigurationError(f"the recipe has nothing of {', '.join(only)}; name other groups, or other sources")
    return tuple(_holding(knob, values[knob.path]) for knob in chosen)


def _holding(knob: Knob, value: Value) -> Knob:
    """Return the knob with a range that holds a value, of the value's kind."""
    return replace(knob, low=min(knob.low, value), high=max(knob.high, value), whole=isinstance(value, int))


def values_of(recipe: Recipe) -> dict[str, Value]:
    """Return the value of every numeric key that a recipe has, by dotted path; sources with their defaults."""
    told = recipe.model_dump(mode="json")
    told["sources"] = {name: recipe.source_settings(name).model_dump(mode="json") for name in recipe.sources}
    return dict(_flat(told, ""))


def with_values(recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
    """Return the recipe with other values by dotted path. Raises ConfigurationError for one that cannot be."""
    told = recipe.model_dump(mode="json")
    for path, value in values.items():
        *tables, key = path.split(".")
        table = told
        for name in tables:
            table = table[name]
        table[key] = value
    return recipe_of(told, "the tuned recipe")


def _flat(table: Mapping[str, Any], prefix: str) -> list[tuple[str, Value]]:
    found: list[tuple[str, Value]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{prefix}{key}", value))
    return found
