"""The gate: is a recipe good enough to publish? It judges recipes on one past and one horizon, never artefacts."""

from collections.abc import Mapping, Sequence

from training.evaluate.contrast import Contrast
from training.evaluate.lists import ENDCAP, POPULAR_EVER, POPULAR_LATELY
from training.evaluate.table import ALL, Row, Table

METRIC = "ndcg@20"
"""What is judged, on each task of the protocol `temporal`."""
CHAMPION = "champion"


def beats_popularity(table: Table) -> list[str]:
    """Refuse what does not beat both popularities on the task `all`, where every shop has something to show."""
    ours = _row(table, ENDCAP, "all")
    refusals = []
    for name in (POPULAR_EVER, POPULAR_LATELY):
        theirs = _row(table, name, "all")
        if ours and theirs and ours.metrics[METRIC].value <= theirs.metrics[METRIC].value:
            refusals.append(
                f"{METRIC} of {ENDCAP} is {ours.metrics[METRIC].value:.4f}, not above {name} with "
                f"{theirs.metrics[METRIC].value:.4f}: what was learned is worth nothing; look at `endcap check`"
            )
    return refusals


def not_below_champion(contrasts: Sequence[Contrast]) -> list[str]:
    """Refuse a recipe that is worse than the champion's by the paired test. contrasts: of the one against the other."""
    return [
        f"{METRIC} on `{found.task}` is {-found.comparison.difference.value:.4f} below the champion's recipe "
        f"(p {found.comparison.p_value:.3f}), on the same past and horizon"
        for found in contrasts
        if (found.metric, found.segment) == (METRIC, ALL)
        and found.comparison.differs
        and found.comparison.difference.value < 0
    ]


def keeps_its_figures(table: Table, recorded: Mapping[str, float], max_fall: float) -> list[str]:
    """Refuse an unchanged recipe whose figure fell clearly: even the top of its interval is below the allowed fall."""
    refusals = []
    for task, figure in recorded.items():
        row = _row(table, ENDCAP, task)
        if row is not None and row.metrics[METRIC].high < (1 - max_fall) * figure:
            refusals.append(
                f"{METRIC} on `{task}` fell from {figure:.4f} to {row.metrics[METRIC].value:.4f} with the same "
                "recipe: the data changed; look at `endcap check`"
            )
    return refusals


def recorded_figures(table: Table) -> dict[str, float]:
    """Return what a bundle keeps for the next gate: task -> figure."""
    return {row.task: row.metrics[METRIC].value for row in table.rows if (row.model, row.segment) == (ENDCAP, ALL)}


def _row(table: Table, model: str, task: str) -> Row | None:
    return next((row for row in table.rows if (row.model, row.task, row.segment) == (model, task, ALL)), None)
