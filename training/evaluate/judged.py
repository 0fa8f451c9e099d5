"""The questions of one task: asked of the served ranking, of its rivals and of every row beside it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from training.evaluate.asked import Asked, Histories, Question
from training.evaluate.lists import ENDCAP, Asking, Rival, ask, in_rows_of
from training.evaluate.table import Judgement, Options


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
