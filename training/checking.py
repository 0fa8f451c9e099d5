"""The checks as `endcap check` and a training run them: on the shop that was read, for the recipe that will be used."""

from models.events import EVENT_TYPES
from training.checks.evidence import Evidence
from training.checks.finding import Finding
from training.checks.run import run_checks
from training.config import Recipe
from training.read import ShopData


def check_shop(shop: ShopData, recipe: Recipe, *, now_us: int) -> tuple[Finding, ...]:
    """Return one finding a check. A training must stop when `training.checks.finding.refusal` of them is not empty."""
    weights = recipe.memory.memory().weights
    liking = [name for name, weight in zip(EVENT_TYPES, weights, strict=True) if weight > 0]
    evidence = Evidence(shop.events, shop.items, now_us, recipe.horizon_days, recipe.min_shoppers, liking)
    return run_checks(evidence, recipe.checks)
