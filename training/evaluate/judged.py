"""The questions of one task: asked of the served ranking, of its rivals and of every row beside it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

from models.placement import Placement
from models.snapshot import Snapshot
from training.evaluate.asked import Asked, Histories, Question, Stage
from training.evaluate.lists import ENDCAP, Asking, Rival, ask, in_rows_of
from training.evaluate.table import Judgement, Options, Table, rows_of


def measured(
    name: str, snapshot: Snapshot, testing: Stage, placement: Placement, metrics: tuple[str, ...], options: Options
) -> Table:
    """Return the table of a protocol with one task, both of that name, that no window of time was cut for.

    snapshot: fitted on `testing.past`. Raises InputError if nothing can be asked.
    """
    started = perf_counter()
    found = testing.asked(placement, snapshot)
    asking = Asking(snapshot, testing.past, placement, found.histories, options.models)
    judgement = judgement_of(name, asking, found, options)
    rows, pairs = rows_of(judgement, metrics, options.seed)
    return Table(name, tuple(rows), tuple(pairs), None, None, perf_counter() - started, (judgement,))


def judgement_of(task: str, asking: Asking, found: Asked, options: Options) -> Judgement:
    """Ask all questions, of `asking` and of the rivals, and hold the lists against the targets."""
    progress = partial(options.progress, task)
    lists = ask(asking, found.questions, options.processes, progress)
    for name, rival in options.rivals.items():
        histories, questions = _as_known_to(rival, asking, found)
        theirs = Asking(rival.snapshot, rival.past, asking.placement, histories, (ENDCAP,))
        rows = ask(theirs, questions, options.processes, progress)[ENDCAP]
        lists[name] = in_rows_of(found.vocabulary, rival.snapshot.vocabulary, rows)
    return Judgement(
        task=task,
        lists=lists,
        targets=found.targets,
        shoppers=found.shoppers,
        n_known=found.n_known,
        demand=asking.demand.over(len(found.vocabulary)),
        questions=tuple(found.questions),
        vocabulary=found.vocabulary,
        shopper_keys=found.shopper_keys,
    )


def _as_known_to(rival: Rival, asking: Asking, found: Asked) -> tuple[Histories, Sequence[Question]]:
    """Return the histories as a rival remembers them, and the questions with its numbers of them.

    Another cleaning may know other shoppers.
    """
    if len(found.histories.events):
        return found.histories.under(rival.past.memory), found.questions
    histories = Histories.of_past(rival.past)
    if rival.past.shoppers == asking.past.shoppers:
        return histories, found.questions
    number_of = {shopper: number for number, shopper in enumerate(rival.past.shoppers)}
    ours = asking.past.shoppers
    return histories, [
        replace(one, owner=number_of.get(ours[one.owner], -1)) if one.owner >= 0 else one for one in found.questions
    ]
