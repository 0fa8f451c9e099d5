"""Protocol `item-to-item`: to which item a session comes next, given the current one alone.

Asked at each move of a session from one item to another; the current item is the page, and nobody's history is known.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from models.arrays import DAY_US
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.judged import measured
from training.evaluate.sessions import SessionStage
from training.evaluate.table import Options, Table

NAME: Final = "item-to-item"
K: Final = 20
METRICS: Final = ("mrr@20", "recall@20")
TASK: Final[Task] = "similar"


def item_to_item(
    snapshot: Snapshot, testing: SessionStage, placements: Mapping[Task, Placement], options: Options
) -> Table:
    """Measure a snapshot that was fitted on `testing.stage.past`. Raises InputError if no session moves."""
    table = measured(NAME, snapshot, testing.stage, replace(placements[TASK], n=K), METRICS, options)
    horizon_days = (testing.until_us - testing.cutoff_us) / DAY_US
    return replace(table, cutoff_us=testing.cutoff_us, horizon_days=horizon_days)
