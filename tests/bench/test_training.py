import subprocess
import sys
from pathlib import Path

import pytest

from bench.training import AFTER, BEFORE, STEPS, Cost, as_json, as_table, cost_of
from cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
MEASURED_BY_A_SMALL_PROCESS = """
import subprocess
import sys
from pathlib import Path
from bench.training import cost_of
for program in ("", "held = b'x' * (200 * 2**20)"):
    print(cost_of("one", (sys.executable, "-c", program), Path()).peak_rss_mib)
"""


def test_a_step_is_a_command_of_endcap() -> None:
    assert {command[0] for command in STEPS.values()} <= set(COMMANDS)


def test_memory_is_that_of_the_process() -> None:
    command = [sys.executable, "-c", MEASURED_BY_A_SMALL_PROCESS]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    nothing, held = map(float, ran.stdout.split())
    assert 200 <= held < nothing + 200


def test_a_step_that_fails_stops_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"train failed:\nno events"):
        cost_of("train", (sys.executable, "-c", "import sys; sys.exit('no events')"), tmp_path)


def test_a_ratio_is_to_the_mean_of_both_references() -> None:
    costs = [Cost(name, seconds, seconds, 100.0) for name, seconds in ((BEFORE, 1.0), ("train", 30.0), (AFTER, 2.0))]
    assert [one["ratio"] for one in as_json(costs)["costs"]] == [0.67, 20.0, 1.33]
    assert "20.0" in as_table(costs)
