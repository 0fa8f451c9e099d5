"""The most that a server can answer: wrk, which always has a question waiting on each of its connections."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
_SCRIPT = Path(__file__).with_name("paths.lua")


@dataclass(frozen=True)
class Driven:
    """One run."""

    replies: int
    seconds: float


def find_wrk() -> str:
    """Return the program. Raises SystemExit saying how to install it."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("wrk is not installed, and it drives this bench: sudo apt-get install wrk")
    return found


def drive(port: int, paths: Sequence[str], seconds: int, *, once: bool) -> Driven:
    """Ask for the paths in turn for some seconds.

    once: ask no question again; when all are asked the time that counts is over.
    Raises SystemExit when an answer was none.
    """
    with tempfile.NamedTemporaryFile("w", prefix="paths-") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT)]
        how = ["once"] if once else []
        command = [find_wrk(), *options, f"http://127.0.0.1:{port}", "--", file.name, *how]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"wrk failed: {ran.stderr or ran.stdout}")
    found = json.loads(ran.stdout.splitlines()[-1])
    if found["refused"] or found["broken"] or not found["replies"]:
        sys.exit(f"of {found['replies']} replies {found['refused']} were no 200; {found['broken']} never came")
    return Driven(found["replies"], found["microseconds"] / 1e6)
