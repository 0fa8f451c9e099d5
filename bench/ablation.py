"""What each source and each group of features is worth: everything, and everything without it, on the same questions.

    python -m bench.ablation --data FOLDER [--database URL] [--only beauty,retailrocket] [--json PATH] [--into FILE]

FOLDER holds amazon-beauty/ and retailrocket-8days/; --database adds a shop that was imported (The Complete Journey,
say). The test of every protocol is cut away before anything begins: what is measured here is chosen by, and what is
chosen by is no test. Sources are fitted once; then the blend and the trees of the ranker are fitted again for every
line, without the columns of the source and what only they propose, or without the features. The trees themselves are
measured, not the network that serves in their place. --into puts the table between its marks in a file.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from bench.ablated import Ablation, Half
from bench.rounds import machine
from cli.given import Files, read_given
from models.arrays import Float64, Int32, Int64
from models.placement import Task
from store.placements import read_placements
from training.config import Recipe
from training.evaluate import basket, item_to_item, leave_one_out, next_item
from training.evaluate.intervals import Comparison, PerUser, compare
from training.evaluate.leave_one_out import Setting
from training.evaluate.metrics import Judged, Targets, judge, mrr, ndcg
from training.evaluate.protocols import TEMPORAL, Given, cutoff_us_of, staged
from training.fitting import lay_out
from training.progress import Steps
from training.ranking import pool_of_tasks
from training.read import ShopData

_MARKS: Final = "<!-- ablation -->\n", "<!-- end of ablation -->\n"
BLEND_ALONE: Final = "the ranker (blend alone)"
EVERYTHING: Final = "everything"


@dataclass(frozen=True)
class Run:
    """One task of one data set."""

    data: str
    protocol: str
    task: Task
    metric: Callable[[Judged], Float64]
    metric_name: str
    folder: str | None
    """Under --data; None = the database."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.data}, {self.task}, {self.metric_name}"


def _ndcg_10(judged: Judged) -> Float64:
    return ndcg(judged, 10)


def _ndcg_20(judged: Judged) -> Float64:
    return ndcg(judged, 20)


def _mrr_20(judged: Judged) -> Float64:
    return mrr(judged, 20)


RUNS: Final = (
    Run("beauty", leave_one_out.NAME, leave_one_out.TASK, _ndcg_10, "ndcg@10", "amazon-beauty"),
    Run("retailrocket", next_item.NAME, next_item.TASK, _mrr_20, "mrr@20", "retailrocket-8days"),
    Run("retailrocket", item_to_item.NAME, item_to_item.TASK, _mrr_20, "mrr@20", "retailrocket-8days"),
    Run("database", TEMPORAL, "personal", _ndcg_20, "ndcg@20", None),
    Run("database", TEMPORAL, "new_to_you", _ndcg_20, "ndcg@20", None),
    Run("database", basket.TASK, "complement", _mrr_20, "mrr@20", None),
)


def ablation_of(run: Run, shop: ShopData, until_us: int, requests: int, steps: Steps) -> Ablation:
    """Cut the test away, and ask what is learned from and what is measured instead."""
    recipe = Recipe()
    recipe = recipe.model_copy(update={"ranker": recipe.ranker.model_copy(update={"missing_sources": 0.0})})

    def laid_out(shop: ShopData, until_us: int, *, timeless: bool = False) -> Any:  # noqa: ANN401 - as `lay_out`
        return lay_out(shop, recipe, until_us, timeless=timeless)

    given = _without_test(run, Given(shop, until_us, recipe.horizon_days))
    stages = staged([run.protocol], given, recipe.memory.memory(), laid_out, recipe.seed)
    placement = pool_of_tasks(read_placements())[run.task]
    learning, testing = (
        Half.of(stage, placement, recipe, requests, steps) for stage in (stages.learning[-1], stages.testing)
    )
    return Ablation(learning, testing, run.task, recipe)


def _without_test(run: Run, given: Given) -> Given:
    """Return what is left before the test: each shopper's items but the last, or the days before the cutoff."""
    events = given.shop.events
    ts_us = pl.col("ts").dt.timestamp("us")
    if run.protocol == leave_one_out.NAME:
        left, until_us = events.filter(pl.col("ts") < pl.col("ts").max().over("shopper")), given.until_us
    else:
        days = 2.0 if run.protocol in (next_item.NAME, item_to_item.NAME) else given.usual_days
        until_us = cutoff_us_of(run.protocol, replace(given, horizon_days=days))
        left = events.filter(ts_us < until_us)
        given = replace(given, horizon_days=days / 2 if days < given.usual_days else days)
    return replace(given, shop=replace(given.shop, events=left), until_us=until_us, setting=Setting())


def measured(run: Run, ablation: Ablation) -> Iterator[dict[str, Any]]:
    """Give one line a variant; the first is of everything."""
    everything = ablation.lists()
    if everything is None:
        return
    targets, users = ablation.testing.asked.targets, ablation.testing.asked.shoppers
    with_all, by_blend = (_per_user(run, lists, targets, users) for lists in everything)
    yield {"run": run.name, "without": EVERYTHING, "value": float(with_all.means()[0]), "questions": len(users)}
    yield _line(run, BLEND_ALONE, by_blend, with_all)
    for name, columns, pattern in ablation.variants():
        found = ablation.lists(columns, pattern)
        if found is not None:
            yield _line(run, name, _per_user(run, found[0], targets, users), with_all)


def _per_user(run: Run, lists: Int32, targets: Targets, users: Int64) -> PerUser:
    return PerUser.of(run.metric(judge(lists, targets))[:, None], users)


def _line(run: Run, name: str, without: PerUser, with_all: PerUser) -> dict[str, Any]:
    found: Comparison = compare(without, with_all, seed=1)[0]
    return {
        "run": run.name,
        "without": name,
        "value": float(without.means()[0]),
        "difference": found.difference.value,
        "low": found.difference.low,
        "high": found.difference.high,
        "p": found.p_value,
    }


def as_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return Markdown: a line a variant, a column a run."""
    runs, names = (list(dict.fromkeys(line[key] for line in lines)) for key in ("run", "without"))
    cells = {(line["run"], line["without"]): _cell(line) for line in lines}
    head = ["without", *runs]
    body = [[name, *(cells.get((run, name), "") for run in runs)] for name in names]
    table = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(row)} |\n" for row in table)


def _cell(line: Mapping[str, Any]) -> str:
    if "difference" not in line:
        return f"{line['value']:.4f} of {line['questions']:,}"
    mark = "**" if line["p"] < 0.05 else ""  # noqa: PLR2004 - as everywhere
    return f"{mark}{line['difference']:+.4f}{mark} ({line['low']:+.4f} to {line['high']:+.4f})"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where the data sets lie")
    parser.add_argument("--database", metavar="URL", help="a shop that was imported")
    parser.add_argument("--only", default="", help="tasks or data sets, with commas")
    parser.add_argument(
        "--requests", type=int, default=3_000, help="learned from and measured on at most (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between its marks in this file")
    options = parser.parse_args(arguments)
    lines = list(_all_lines(options))
    table = as_table(lines)
    print(table)
    if options.json:
        options.json.write_text(json.dumps({"rows": lines, "machine": machine()}, indent=2) + "\n")
    if options.into:
        before, _, rest = options.into.read_text("utf-8").partition(_MARKS[0])
        options.into.write_text(f"{before}{_MARKS[0]}\n{table}\n{_MARKS[1]}{rest.partition(_MARKS[1])[2]}", "utf-8")
    return 0


def _all_lines(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    only = {name for name in options.only.split(",") if name}
    for run in RUNS:
        given = options.data if run.folder else options.database
        if not given or (only and not only & {run.data, run.task}):
            continue
        steps = Steps()
        here = Path(given) / run.folder if run.folder else None
        files = Files(here / "events.parquet", here / "items.parquet") if here else Files()
        read = read_given(files, options.database or "", steps)
        for line in measured(run, ablation_of(run, read.shop, read.until_us, options.requests, steps)):
            print(f"{line['run']:45} without {line['without']:50} {_cell(line)}", flush=True)
            yield line


if __name__ == "__main__":
    sys.exit(main())
