"""How good the defaults are on four data sets, beside what others published.

    python -m bench.quality --data FOLDER [--only beauty,retailrocket] [--json PATH]

FOLDER holds amazon-beauty/, retailrocket-8days/ and online-retail/ as docs/quality.md says; The Complete Journey comes
from its package. Each row is one `endcap evaluate` with the default training file and the default placements, in a home
of its own; nothing is tuned to a data set. `wanted` says what a row must reach and what it aims at; the best single
source is the best of the rows that are one source alone, by the point estimate. Seconds are of reading, fitting and
measuring, and MiB the most that the process held. Ten minutes on 2 cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from bench.rounds import machine
from training.evaluate.lists import BLENDED, ENDCAP, POPULAR_EVER, POPULAR_LATELY, RULED
from training.evaluate.next_item import LAST_ITEM, SESSION_ITEMS

_NO_SOURCES: Final = {ENDCAP, RULED, BLENDED, POPULAR_EVER, POPULAR_LATELY, LAST_ITEM, SESSION_ITEMS}
PUBLISHED: Final = """\
Amazon Beauty, leave-one-out, published (recall@10/ndcg@10): popularity .0152/.0068 (with the published ids),
GRU4Rec .0283/.0137, SASRec .0605/.0318, S3-Rec .0647/.0327, TIGER .0648/.0384, ActionPiece .0775/.0424,
SASRec with a sampled softmax .0921/.0531, eSASRec .0928/.0523, BSARec .1008/.0611"""


@dataclass(frozen=True)
class Wanted:
    """What one figure is to reach."""

    task: str
    metric: str
    floor: float | None = None
    aim: float | None = None
    """Figures, or, without a floor: shares above the best single source."""
    above: tuple[float, float] | None = None
    """Shares above the best single source: what it must reach, what it aims at."""


@dataclass(frozen=True)
class Run:
    """One evaluation."""

    name: str
    data: str
    """complete-journey and online-retail are imported first; the others are read from files."""
    options: Callable[[Path], Sequence[str]]
    wanted: tuple[Wanted, ...]


def _beauty(data: Path) -> Sequence[str]:
    here = data / "amazon-beauty"
    files = "--events", str(here / "events.parquet"), "--items", str(here / "items.parquet")
    return "--protocol", "leave-one-out", *files


def _retailrocket(protocol: str) -> Callable[[Path], Sequence[str]]:
    def options(data: Path) -> Sequence[str]:
        here = data / "retailrocket-8days"
        files = "--events", str(here / "events.parquet"), "--items", str(here / "items.parquet")
        return "--protocol", protocol, *files, "--horizon-days", "2"

    return options


RUNS: Final = (
    Run(
        "Amazon Beauty",
        "beauty",
        _beauty,
        (
            Wanted("leave-one-out", "ndcg@10", floor=0.0655, aim=0.073),
            Wanted("leave-one-out", "recall@10", floor=0.107, aim=0.117),
        ),
    ),
    Run(
        "Complete Journey",
        "complete-journey",
        lambda _: ("--cutoff", "2017-12-04"),
        (
            Wanted("all", "ndcg@20", floor=0.352, aim=0.370),
            Wanted("new", "ndcg@20", floor=0.049, aim=0.055),
            Wanted("basket", "recall@10", above=(0.05, 0.15)),
        ),
    ),
    Run(
        "Online Retail",
        "online-retail",
        lambda _: ("--cutoff", "-28d"),
        (
            Wanted("all", "ndcg@20", above=(0.10, 0.20)),
            Wanted("new", "ndcg@20", above=(0.10, 0.20)),
            Wanted("basket", "recall@10", above=(0.05, 0.15)),
        ),
    ),
    Run(
        "RetailRocket",
        "retailrocket",
        _retailrocket("next-item"),
        (
            Wanted("all", "mrr@20", above=(0.0, 0.0)),
            Wanted("all", "recall@20", above=(0.0, 0.0)),
            Wanted("move", "mrr@20", above=(0.05, 0.15)),
            Wanted("move", "recall@20", above=(0.05, 0.15)),
        ),
    ),
    Run(
        "RetailRocket",
        "retailrocket",
        _retailrocket("item-to-item"),
        (Wanted("item-to-item", "mrr@20", above=(0.0, 0.10)),),
    ),
)


def measure(run: Run, data: Path, home: Path) -> dict[str, Any]:
    """Import what is to be imported, evaluate, and return the figures with what they cost."""
    environment = os.environ | {"ENDCAP_HOME": str(home)}
    bring_in(run, data, environment)
    out, began = home / "found.json", perf_counter()
    most_mib = _endcap(environment, "evaluate", *run.options(data), "--json", str(out))
    seconds = perf_counter() - began
    return {**json.loads(out.read_bytes()), "seconds": round(seconds), "most_mib": round(most_mib)}


def bring_in(run: Run, data: Path, environment: Mapping[str, str]) -> None:
    """Import what is to be imported. Raises CalledProcessError."""
    if run.data == "complete-journey":
        _endcap(environment, "import", "complete-journey")
    elif run.data == "online-retail":
        _endcap(environment, "import", "online-retail", str(data / "online-retail" / "transactions.parquet"))


def _endcap(environment: Mapping[str, str], *arguments: str) -> float:
    """Run a command and return the most MiB that it, or a process of its own, held. Raises CalledProcessError."""
    command = [sys.executable, "-m", "cli", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise subprocess.CalledProcessError(code, command)
    return usage.ru_maxrss / 1024


def told(run: Run, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row a figure that is wanted."""
    rows = [row for row in found["rows"] if row["segment"] == "all"]
    lines = []
    for wanted in run.wanted:
        values = {row["model"]: row["metrics"][wanted.metric] for row in rows if row["task"] == wanted.task}
        singles = {model: value["value"] for model, value in values.items() if model not in _NO_SOURCES}
        best = max(singles, key=lambda model: singles[model])
        ours = values[ENDCAP]
        floor, aim = wanted.floor, wanted.aim
        if wanted.above is not None:
            floor, aim = (singles[best] * (1 + share) for share in wanted.above)
        lines.append(
            {
                "data": run.name,
                "task": wanted.task,
                "metric": wanted.metric,
                "endcap": ours["value"],
                "low": ours["low"],
                "high": ours["high"],
                "blend": values[BLENDED]["value"] if BLENDED in values else None,
                "best_source": best,
                "best": singles[best],
                "floor": floor,
                "aim": aim,
            }
        )
    return lines


def as_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows for people."""
    head = (
        f"{'data, task':34}{'metric':11}{'endcap':>8}  {'interval':13}{'blend':>7}{'floor':>8}{'aim':>8}  best source"
    )
    table = [head]
    for line in lines:
        reached = (
            ""
            if line["endcap"] >= line["aim"]
            else "  below the aim"
            if line["endcap"] >= line["floor"]
            else "  MISSED"
        )
        blend = f"{line['blend']:7.4f}" if line["blend"] is not None else f"{'':7}"
        table.append(
            f"{line['data'] + ', ' + line['task']:34}{line['metric']:11}{line['endcap']:8.4f}  "
            f"{line['low']:.4f}-{line['high']:.4f}{blend}{line['floor']:8.4f}{line['aim']:8.4f}  "
            f"{line['best_source']} {line['best']:.4f}{reached}"
        )
    return "\n".join(table)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the data sets lie")
    parser.add_argument(
        "--only", default="", help="data sets, with commas: " + ", ".join(dict.fromkeys(r.data for r in RUNS))
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    options = parser.parse_args(arguments)
    wanted = {name for name in options.only.split(",") if name} or {run.data for run in RUNS}
    lines, costs = [], []
    for run in (run for run in RUNS if run.data in wanted):
        with tempfile.TemporaryDirectory() as home:
            found = measure(run, options.data, Path(home))
        lines += told(run, found)
        costs.append({"data": run.name, "seconds": found["seconds"], "most_mib": found["most_mib"]})
        print(as_table(lines), flush=True)
    print(*(f"{cost['data']}: {cost['seconds']} s, {cost['most_mib']} MiB" for cost in costs), PUBLISHED, sep="\n")
    if options.json:
        options.json.write_text(json.dumps({"rows": lines, "costs": costs, "machine": machine()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
