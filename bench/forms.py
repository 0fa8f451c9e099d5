"""What the form that serves loses: the network over a hundred candidates, against trees without any limit.

    python -m bench.forms --data FOLDER [--only beauty,retailrocket] [--seed 1] [--json PATH]

The rows of bench/quality.py, from the same data, fits and questions. `serves` is what a bundle holds. `teachers` are
the trees that its network was distilled from, in its place. `unlimited` are four times as many trees, learned from and
asked about all candidates instead of the blend's best. The loss is relative, of the one that serves; p is of the paired
test. Half an hour on 2 cores, and up to 8 GB.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.quality import RUNS, Run, bring_in
from bench.rounds import machine
from cli.given import Files, read_given
from cli.measuring import EVERY, protocols_of
from models.placement import Task
from models.rank import Ranker
from store.placements import read_placements
from training.compare import measure_rivals, of_tasks, stages_of
from training.config import Recipe
from training.evaluate.comparison import paired_tests
from training.evaluate.leave_one_out import Setting
from training.evaluate.lists import Rival
from training.evaluate.table import ALL, Options
from training.fitting import fit_sources
from training.progress import Steps
from training.ranking import FittedTask, Learning, fit_tasks, rankers_of

SERVES: Final = "serves"
TEACHERS: Final = "teachers"
UNLIMITED: Final = "unlimited"
_TIMES_THE_TREES = 4
_ALL_CANDIDATES = 1_000


def forms_of(run: Run, data: Path, home: Path, seed: int) -> Iterator[dict[str, Any]]:
    """Fit the sources of one run once, and rankers over them in each form; give one line a figure and a form."""
    told = dict(zip(run.options(data)[::2], run.options(data)[1::2], strict=True))
    bring_in(run, data, os.environ | {"ENDCAP_HOME": str(home)})
    recipe, steps = Recipe(seed=seed), Steps()
    events, items = (Path(told[name]) if name in told else None for name in ("--events", "--items"))
    files = Files(events, items)
    read = read_given(files, f"sqlite:///{home / 'endcap.sqlite3'}", steps)
    days = int(told["--horizon-days"]) if "--horizon-days" in told else None
    given = read.given(recipe, told.get("--cutoff", ""), days, Setting())
    stages = stages_of(recipe, given, protocols_of(told.get("--protocol", EVERY)), recipe.seed)
    placements = of_tasks(read_placements(), stages.tasks)
    learnings = [Learning(fit_sources(stage.past, recipe, steps), stage) for stage in stages.learning]
    served = fit_tasks(learnings, recipe, placements, steps)
    unlimited = fit_tasks(learnings, _without_limits(recipe), placements, steps)
    sources = fit_sources(stages.testing.past, recipe, steps)
    rankers = {SERVES: rankers_of(served), TEACHERS: _by_trees(served), UNLIMITED: _by_trees(unlimited)}
    rivals = {name: Rival(sources.snapshot(one), stages.testing.past) for name, one in rankers.items()}
    options = Options(recipe.seed, processes=os.cpu_count() or 1)
    wanted = {(one.task, one.metric) for one in run.wanted}
    for measure in stages.measures.values():
        table = measure_rivals(measure, rivals, placements, options)
        for form in (TEACHERS, UNLIMITED):
            for test in paired_tests(table, SERVES, form, recipe.seed):
                if test.segment == ALL and (test.task, test.metric) in wanted:
                    yield {
                        "data": run.name,
                        "task": test.task,
                        "metric": test.metric,
                        "form": form,
                        "serves": test.one,
                        "value": test.other,
                        "loss": 1 - test.one / test.other,
                        "p": test.comparison.p_value,
                    }


def _without_limits(recipe: Recipe) -> Recipe:
    ranker = recipe.ranker.model_copy(
        update={"trees": _TIMES_THE_TREES * recipe.ranker.trees, "n_best": _ALL_CANDIDATES}
    )
    return recipe.model_copy(update={"ranker": ranker})


def _by_trees(tasks: Mapping[Task, FittedTask]) -> dict[Task, Ranker]:
    """Return the rankers with their trees in the place of the network, which read scores on the trees' own scale."""
    learned = {
        task: replace(fitted.ranker.ranker, form=fitted.ranker.trees, slope=1.0, bias=0.0)
        for task, fitted in tasks.items()
        if fitted.ranker is not None
    }
    return {**rankers_of(tasks), **learned}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the data sets lie")
    parser.add_argument("--only", default="", help="data sets, with commas, as of bench.quality")
    parser.add_argument("--seed", type=int, default=Recipe().seed, help="of the fits: how much is chance")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    options = parser.parse_args(arguments)
    wanted = {name for name in options.only.split(",") if name} or {run.data for run in RUNS}
    lines = []
    print(f"{'data, task':34}{'metric':11}{'against':11}{'serves':>8}{'value':>8}{'loss':>8}      p")
    for run in (run for run in RUNS if run.data in wanted):
        with tempfile.TemporaryDirectory() as home:
            for line in forms_of(run, options.data, Path(home), options.seed):
                lines.append(line)
                print(
                    f"{line['data'] + ', ' + line['task']:34}{line['metric']:11}{line['form']:11}"
                    f"{line['serves']:8.4f}{line['value']:8.4f}{line['loss']:8.1%}  {line['p']:.3f}",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps({"rows": lines, "machine": machine()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
