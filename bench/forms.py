"""What the form that serves loses: network and trees over a hundred candidates, against trees without any limit.

    python -m bench.forms --data FOLDER [--only beauty,retailrocket] [--json PATH]

The rows of bench/quality.py, from the same data, fits and questions. `serves` is what a bundle holds: the mean of a
network and of the trees that taught it. `network` and `trees` are one of the two alone. `unlimited` are four times as
many trees of twice the leaves, learned from and asked about all candidates instead of the blend's best. The loss is
relative, of the one that serves; p is of the paired test. Half an hour on 2 cores, and up to 8 GB.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.quality import RUNS, Run, bring_in
from bench.rounds import machine
from cli.given import Files, read_given
from cli.measuring import EVERY, protocols_of
from models.ensemble import Ensemble
from models.learned import Form
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
from training.rank.fit import FittedRanker
from training.ranking import FittedTask, Learning, fit_tasks, rankers_of

SERVES: Final = "serves"
NETWORK: Final = "network"
TREES: Final = "trees"
UNLIMITED: Final = "unlimited"
_TIMES_THE_TREES, _TIMES_THE_LEAVES = 4, 2
_ALL_CANDIDATES = 1_000


def forms_of(run: Run, data: Path, home: Path) -> Iterator[dict[str, Any]]:
    """Fit the sources of one run once, and rankers over them in each form; give one line a figure and a form."""
    told = dict(zip(run.options(data)[::2], run.options(data)[1::2], strict=True))
    bring_in(run, data, os.environ | {"ENDCAP_HOME": str(home)})
    recipe, steps = Recipe(), Steps()
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
    rankers = {
        SERVES: rankers_of(served),
        NETWORK: _by(network_of, served),
        TREES: _by(trees_of, served),
        UNLIMITED: _by(trees_of, unlimited),
    }
    rivals = {name: Rival(sources.snapshot(one), stages.testing.past) for name, one in rankers.items()}
    options = Options(recipe.seed, processes=os.cpu_count() or 1)
    wanted = {(one.task, one.metric) for one in run.wanted}
    for measure in stages.measures.values():
        table = measure_rivals(measure, rivals, placements, options)
        for form in (NETWORK, TREES, UNLIMITED):
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
        update={
            "trees": _TIMES_THE_TREES * recipe.ranker.trees,
            "leaves": _TIMES_THE_LEAVES * recipe.ranker.leaves,
            "n_best": _ALL_CANDIDATES,
        }
    )
    return recipe.model_copy(update={"ranker": ranker})


def network_of(fitted: FittedRanker) -> Form:
    """Return the network alone."""
    form = fitted.ranker.form
    return form.network if isinstance(form, Ensemble) else form


def trees_of(fitted: FittedRanker) -> Form:
    """Return the trees alone, as LightGBM reads them."""
    return fitted.trees


def _by(form_of: Callable[[FittedRanker], Form], tasks: Mapping[Task, FittedTask]) -> dict[Task, Ranker]:
    """Return the rankers in another form; its scores are log-odds already, and a scale would change no order."""
    learned = {
        task: replace(fitted.ranker.ranker, form=form_of(fitted.ranker), slope=1.0, bias=0.0)
        for task, fitted in tasks.items()
        if fitted.ranker is not None
    }
    return {**rankers_of(tasks), **learned}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the data sets lie")
    parser.add_argument("--only", default="", help="data sets, with commas, as of bench.quality")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    options = parser.parse_args(arguments)
    wanted = {name for name in options.only.split(",") if name} or {run.data for run in RUNS}
    lines = []
    print(f"{'data, task':34}{'metric':11}{'against':11}{'serves':>8}{'value':>8}{'loss':>8}      p")
    for run in (run for run in RUNS if run.data in wanted):
        with tempfile.TemporaryDirectory() as home:
            for line in forms_of(run, options.data, Path(home)):
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
