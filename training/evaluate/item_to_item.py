"""Protocol `item-to-item`: to which item a session comes next, given the current one alone.

Asked at each move of a session from one item to another; the current item is the page, and nobody's history is known.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Final

from models.arrays import DAY_US
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.judged import judgement_of
from training.evaluate.lists import Asking
from training.evaluate.sessions import SessionStage
from training.evaluate.table import Options, Table, rows_of

NAME: Final = "item-to-item"
K: Final = 20
METRICS: Final = ("mrr@20", "recall@20")
TASK: Final[Task] = "similar"


def item_to_item(
    snapshot: Snapshot, testing: SessionStage, placements: Mapping[Task, Placement], options: Options
) -> Table:
    """Measure a snapshot that was fitted on `testing.stage.past`. Raises InputError if no session moves."""
    started = perf_counter()
    placement = replace(placements[TASK], n=K)
    found = testing.stage.asked(placement, snapshot)
    asking = Asking(snapshot, testing.stage.past, placement, found.histories, options.models)
    judgement = judgement_of(NAME, asking, found, options)
    rows, pairs = rows_of(judgement, METRICS, options.seed)
    horizon_days = (testing.until_us - testing.cutoff_us) / DAY_US
    seconds = perf_counter() - started
    return Table(NAME, tuple(rows), tuple(pairs), testing.cutoff_us, horizon_days, seconds, (judgement,))
