"""make demo, over a small shop: it serves, what it says to try works, and Ctrl-C leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from store.opening import open_database
from tests.shops import changed, corner_shop, stock
from tests.worlds import NOW

ROOT = Path(__file__).parent.parent
DEMO = ROOT / ".ci" / "demo.py"
README = (ROOT / "README.md").read_text()
ENDCAP = Path(sys.executable).parent / "endcap"
WAIT_SECONDS = 60
RECIPE = """
min_shoppers = 2
horizon_days = 14
[sources]
item_knn = {}
buy_again = {}
popular = {}
"""
# What the README's commands name, put into a shop that is trained in two seconds.
NAMES = {"u:garden-0": "u:1029", "garden-0": "1082185", "garden-1": "962568"}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the PATH")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run(*command: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with this interpreter's command in its .venv, the script, and a shop of NAMES imported and trained."""
    tree = tmp_path_factory.mktemp("checkout")
    (tree / ".ci").mkdir()
    shutil.copy(DEMO, tree / ".ci")
    (tree / ".venv" / "bin").mkdir(parents=True)
    (tree / ".venv" / "bin" / "endcap").symlink_to(ENDCAP)
    (tree / "Makefile").write_text("install:\n\ndemo:\n\t@python3 .ci/demo.py\n")
    (tree / "training.toml").write_text(RECIPE)
    (tree / "var").mkdir()
    shop = changed(corner_shop(), lambda events: events.with_columns(pl.col("item_id", "shopper").replace(NAMES)))
    shop = replace(shop, items=shop.items.with_columns(pl.col("item_id").replace(NAMES)))
    database = open_database(f"sqlite:///{tree / 'var' / 'endcap.sqlite3'}")
    stock(database, shop, later=datetime.now(UTC) - NOW)
    database.close()
    ran = run(ENDCAP, "train", "--config", tree / "training.toml", ENDCAP_HOME=str(tree / "var"))
    assert ran.returncode == 0, ran.stderr
    return tree


@dataclass
class Demo:
    """The demo as a terminal runs it, in a process group of its own; what it says goes into a file."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while "Ctrl-C ends the service" not in self.said:
            assert self.process.poll() is None, f"the demo ended: {self.said[-2000:]}"
            assert time.monotonic() < deadline, f"the demo says nothing more: {self.said[-2000:]}"
            time.sleep(0.05)


@contextmanager
def demo(tree: Path, *command: str, **settings: str) -> Iterator[Demo]:
    environment = {**os.environ, **settings, "PATH": f"{ENDCAP.parent}{os.pathsep}{os.environ['PATH']}"}
    output = tree / "said"
    with (
        output.open("wb") as file,
        subprocess.Popen(
            command or (sys.executable, ".ci/demo.py"),
            cwd=tree,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            running = Demo(process, output)
            running.wait_until_ready()
            yield running
        finally:
            # Whatever the test found, nothing of the group stays.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def by_shell(script: str, **settings: str) -> str:
    """What commands print that a reader would paste into a shell."""
    ran = run(shutil.which("bash") or "bash", "-euc", script, **settings)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@needs_curl
@pytest.mark.parametrize("key", ["", "a-key-of-22-characters"])
def test_what_the_demo_says_to_try_changes_the_households_list(tree: Path, key: str) -> None:
    port = free_port()
    with demo(tree, ENDCAP_PORT=str(port), ENDCAP_API_KEY=key) as running:
        listed = re.findall(r"^ +\d+  (\S+)", running.said, re.MULTILINE)
        post, ask, similar = re.findall(r"^  curl .+", running.said, re.MULTILINE)
        assert json.loads(by_shell(post, ENDCAP_API_KEY=key))["accepted"] == 1
        bought = re.findall(r'"item_id": "([^"]+)"', post)
        assert bought == [listed[-3]]
        after = [item["item_id"] for item in json.loads(by_shell(ask, ENDCAP_API_KEY=key))["items"]]
        assert after
        assert not set(bought) & set(after)
        assert json.loads(by_shell(similar, ENDCAP_API_KEY=key))["items"]
        assert not key or key not in running.said


@needs_curl
def test_the_readmes_curls_are_answered(tree: Path) -> None:
    port = free_port()
    (script,) = [
        body for body in re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE) if "curl -" in body
    ]
    with demo(tree, ENDCAP_PORT=str(port)):
        said = by_shell(script.replace("localhost:8000", f"127.0.0.1:{port}"))
    posted, *lists = [json.loads(line) for line in said.splitlines()]
    assert posted["accepted"] == 1
    assert [bool(one["items"]) for one in lists] == [True, True]


@pytest.mark.parametrize("command", [("make", "demo"), (sys.executable, ".ci/demo.py")], ids=["make", "script"])
def test_ctrl_c_ends_the_demo_and_the_service(tree: Path, command: tuple[str, ...]) -> None:
    port = free_port()
    with demo(tree, *command, ENDCAP_PORT=str(port)) as running:
        assert is_listening(port)
        os.killpg(running.process.pid, signal.SIGINT)
        code = running.process.wait(WAIT_SECONDS)
        assert "Traceback" not in running.said
        # make says by its own exit code that it was interrupted.
        assert code in ({2, 130, -signal.SIGINT} if command[0] == "make" else {0})
        assert not is_listening(port)


def test_a_demo_that_is_told_to_end_takes_the_service_with_it(tree: Path) -> None:
    port = free_port()
    with demo(tree, ENDCAP_PORT=str(port)) as running:
        running.process.terminate()
        assert running.process.wait(WAIT_SECONDS) == 0
        assert not is_listening(port)


def test_a_taken_port_is_named_before_anything_is_done(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = run(sys.executable, DEMO, ENDCAP_PORT=str(port), ENDCAP_HOME=str(tmp_path))
    assert ran.returncode == 1
    assert f"port {port} of 127.0.0.1" in ran.stderr
    assert "ENDCAP_PORT=" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("port", ["http", "0", "65536"])
def test_what_is_no_port_is_refused(port: str) -> None:
    ran = run(sys.executable, DEMO, ENDCAP_PORT=port)
    assert ran.returncode == 1
    assert "ENDCAP_PORT" in ran.stderr
