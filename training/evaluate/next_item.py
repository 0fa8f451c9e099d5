"""Protocol `next-item`: after each event of a session but the last, find the item that comes next.

The history of a question is its session so far, and nothing else of its shopper. Nothing is masked: a repeat is a right
answer. The same lists are told twice: `all` of them, and those where the shopper did `move` to another item. Beside the
usual rows stand what needs no model: the `last item`, and the `session items, newest first`.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Final

import numpy as np

from models.arrays import DAY_US, Int32, Mask
from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.judged import judgement_of
from training.evaluate.lists import Asking
from training.evaluate.sessions import SessionStage, Steps
from training.evaluate.table import ALL, Judgement, Options, Table, rows_of

NAME: Final = "next-item"
K: Final = 20
METRICS: Final = ("mrr@20", "recall@20")
TASK: Final[Task] = "personal"
LAST_ITEM = "last item"
SESSION_ITEMS = "session items, newest first"


def next_item(
    snapshot: Snapshot, testing: SessionStage, placements: Mapping[Task, Placement], options: Options
) -> Table:
    """Measure a snapshot that was fitted on `testing.stage.past`."""
    started = perf_counter()
    placement = replace(placements[TASK], n=K, known="keep")
    found = testing.stage.asked(placement, snapshot)
    asking = Asking(snapshot, testing.stage.past, placement, found.histories, options.models)
    judged = judgement_of(ALL, asking, found, options)
    judged = replace(judged, lists={**judged.lists, **_baselines(testing.steps, asking)})
    judgements = (judged, *_moves(judged, testing.steps.moves))
    measured = [rows_of(one, METRICS, options.seed) for one in judgements]
    return Table(
        NAME,
        tuple(row for rows, _ in measured for row in rows),
        tuple(pair for _, pairs in measured for pair in pairs),
        testing.cutoff_us,
        (testing.until_us - testing.cutoff_us) / DAY_US,
        perf_counter() - started,
        judgements,
    )


def _moves(judged: Judgement, moves: Mask) -> list[Judgement]:
    """Return the same lists where the next item was another one; none if it never was."""
    if not moves.any():
        return []
    kept = np.flatnonzero(moves)
    return [
        replace(
            judged,
            task="move",
            lists={name: rows[kept] for name, rows in judged.lists.items()},
            targets=judged.targets.take(kept),
            shoppers=judged.shoppers[kept],
            n_known=judged.n_known[kept],
            questions=tuple(judged.questions[place] for place in kept.tolist()),
        )
    ]


def _baselines(steps: Steps, asking: Asking) -> dict[str, Int32]:
    """Return what the session itself holds, as lists of shape (q, K); what may not be shown is left out."""
    can_show = np.append(asking.demand.can_show, np.zeros(len(steps.vocabulary), dtype=np.bool_))
    wanted = [name for name in (LAST_ITEM, SESSION_ITEMS) if asking.wants(name)]
    lists = {name: np.full((len(steps.here), K), -1, dtype=np.int32) for name in wanted}
    positions, numbers = steps.so_far()
    rows = steps.events.items[positions]
    for number, own in enumerate(np.split(rows, np.searchsorted(numbers, np.arange(1, len(steps.here))))):
        newest = [row for row in dict.fromkeys(own[::-1].tolist()) if can_show[row]][:K]
        if LAST_ITEM in lists and can_show[own[-1]]:
            lists[LAST_ITEM][number, 0] = own[-1]
        if SESSION_ITEMS in lists:
            lists[SESSION_ITEMS][number, : len(newest)] = newest
    return lists
