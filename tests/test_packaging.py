"""What is installed where: the pins, the two images, what runs beside them, and that nothing in them is open."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli.main import COMMANDS
from cli.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
PINS = {"service": "constraints-service.txt", "trainer": "constraints-trainer.txt"}
EXTRAS_OF = {"service": (), "trainer": ("train",)}
NEVER_SERVES = {"implicit", "lightgbm", "optuna", "pandas", "polars", "pyarrow", "scipy"}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}


# ---- what an installation asks for


def closure(requirements: Sequence[str]) -> set[str]:
    """The names of all distributions that these requirements bring here, by what each says that it needs."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        one = waiting.pop()
        for extra in ("", *one.extras):
            key = (canonicalize_name(one.name), extra)
            if key not in found:
                found.add(key)
                waiting += [needed for needed in needs(one.name) if needed_here(needed, extra)]
    return {name for name, _ in found}


@cache
def needs(name: str) -> list[Requirement]:
    """What an installed distribution says that it needs, also for its extras and on other machines."""
    return [Requirement(line) for line in distribution(name).requires or []]


def needed_here(one: Requirement, extra: str = "") -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def asked_by(image: str) -> list[str]:
    extras = [line for extra in EXTRAS_OF[image] for line in EXTRAS[extra]]
    return [*PROJECT["project"]["dependencies"], *extras]


def pins(file: str) -> dict[str, str]:
    """Requirement to its hashes, of a file that uv wrote."""
    entries = re.findall(
        r"^(\S[^\\\n]*?) \\\n((?:    --hash=sha256:\w{64}(?: \\)?\n)+)", (ROOT / file).read_text(), re.MULTILINE
    )
    return {requirement.strip(): hashes for requirement, hashes in entries}


def test_the_base_install_holds_nothing_that_only_learning_or_testing_needs() -> None:
    base = closure(PROJECT["project"]["dependencies"])
    direct = {canonicalize_name(Requirement(line).name) for lines in EXTRAS.values() for line in lines}
    assert base & (NEVER_SERVES | direct) == set()


@pytest.mark.parametrize("image", PINS)
def test_an_image_installs_what_its_requirements_bring_and_no_more(image: str) -> None:
    here = [one for one in map(Requirement, pins(PINS[image])) if needed_here(one)]
    # setuptools makes Endcap's own wheel and is taken away again.
    assert {canonicalize_name(one.name) for one in here} == closure(asked_by(image)) | {"setuptools"}


@pytest.mark.parametrize("image", PINS)
def test_an_image_installs_the_versions_that_the_tests_run_with(image: str) -> None:
    everything = pins("constraints.txt")
    versions = {Requirement(line).name: set[str]() for line in everything}
    for line in everything:
        versions[Requirement(line).name].add(str(Requirement(line).specifier))
    for line in pins(PINS[image]):
        assert str(Requirement(line).specifier) in versions[Requirement(line).name], line
    hashes = set("".join(everything.values()).split())
    assert set("".join(pins(PINS[image]).values()).split()) <= hashes


@pytest.mark.parametrize("file", ["constraints.txt", *PINS.values()])
def test_every_pin_has_a_hash_and_the_file_names_no_index(file: str) -> None:
    text = (ROOT / file).read_text()
    assert len(pins(file)) == len(re.findall(r"^[^\s#]", text, re.MULTILINE))
    assert "://" not in text
    assert not re.search(r"--(?:extra-)?index-url|--find-links", text)


# ---- the Dockerfile


@dataclass(frozen=True)
class Stage:
    """One FROM of the Dockerfile and what follows it."""

    name: str
    parent: str
    steps: tuple[tuple[str, str], ...]
    """Instruction and its arguments, continued lines joined."""

    def arguments(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.steps if name == instruction]


def read_stages() -> dict[str, Stage]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    steps = [(words[0], words[1]) for line in text.splitlines() if len(words := line.split(maxsplit=1)) == 2]
    starts = [place for place, (name, _) in enumerate(steps) if name == "FROM"]
    stages = {}
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        parent, _, name = steps[start][1].partition(" AS ")
        stages[name] = Stage(name, parent, tuple(steps[start + 1 : end]))
    return stages


STAGES = read_stages()


def lineage(name: str) -> Iterator[Stage]:
    """A stage and those that it begins as."""
    while name in STAGES:
        yield STAGES[name]
        name = STAGES[name].parent


def everything_said(name: str, instruction: str) -> list[str]:
    """The arguments of an instruction in an image, its last one first."""
    return [one for stage in lineage(name) for one in reversed(stage.arguments(instruction))]


def test_the_service_is_what_is_built_when_no_target_is_named() -> None:
    assert list(STAGES)[-1] == "service"
    assert everything_said("service", "CMD")[0] == '["endcap", "serve"]'


@pytest.mark.parametrize("image", PINS)
def test_an_image_runs_as_a_user_of_its_own_and_keeps_its_data_in_a_volume(image: str) -> None:
    user, group = everything_said(image, "USER")[0].split(":")
    assert int(user) > 0
    (made,) = [line for line in everything_said(image, "RUN") if "useradd" in line]
    assert f"--uid {user} --gid {group} " in made
    assert everything_said(image, "VOLUME") == ["/var/lib/endcap"]
    assert "ENDCAP_HOME=/var/lib/endcap" in " ".join(everything_said(image, "ENV"))


def test_an_image_begins_as_one_release_of_one_debian() -> None:
    (base,) = {stage.parent for stage in STAGES.values() if stage.parent not in STAGES}
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base)


def test_the_service_says_whether_it_lives_without_its_key() -> None:
    (check,) = everything_said("service", "HEALTHCHECK")
    assert "/livez" in check
    assert '["python", "-c", ' in check


@pytest.mark.parametrize("image", PINS)
def test_an_image_takes_its_packages_from_its_own_pins(image: str) -> None:
    (copied,) = [line for line in STAGES[image].arguments("COPY") if line.startswith("--from=")]
    packages = STAGES[copied.split()[0].removeprefix("--from=")]
    install = " ".join(packages.arguments("RUN"))
    assert f"--require-hashes --only-binary :all: --requirement {PINS[image]}" in install
    assert packages.arguments("COPY")[0].split()[0] == PINS[image]


def test_what_the_images_copy_is_every_package_and_little_else() -> None:
    sent = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert sent == packages | {"pyproject.toml", "LICENSE"} | set(PINS.values())


# ---- libraries of the system

WITH_EVERY_DEBIAN = re.compile(
    r"(?:ld-linux.*|linux-vdso|lib(?:c|dl|m|pthread|resolv|rt|util|gcc_s|stdc\+\+|z))\.so\.\d+"
)
"""What the C library, gcc's run-time libraries and Python itself bring."""
ONLY_WITH_A_GPU = re.compile(r"/implicit/gpu/")
PACKAGE_OF = {"libgomp.so.1": "libgomp1"}


def taken_from_the_system(names: set[str]) -> set[str]:
    """The Debian packages whose libraries these distributions link to and do not bring."""
    files = [
        str(path)
        for name in names
        for file in distribution(name).files or []
        if re.search(r"\.so(?:\.|$)", file.name) and not ONLY_WITH_A_GPU.search(path := str(file.locate()))
    ]
    if not files:
        return set()
    listed = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout  # noqa: S607 - of the C library
    linked = set(re.findall(r"^\t(\S+)(?: =>| \()", listed, re.MULTILINE))
    missing = {name for name in linked - {Path(file).name for file in files} if not WITH_EVERY_DEBIAN.fullmatch(name)}
    return {PACKAGE_OF.get(name, name) for name in missing if "/" not in name}


@pytest.mark.skipif(shutil.which("ldd") is None, reason="ldd is not on the PATH")
@pytest.mark.parametrize("image", PINS)
def test_an_image_installs_the_libraries_that_its_wheels_link_to_and_no_others(image: str) -> None:
    installed = set[str]()
    for line in everything_said(image, "RUN"):
        for words in re.findall(r"apt-get install ([^&]+)", line):
            installed |= {word for word in words.split() if not word.startswith("-")}
    assert installed == taken_from_the_system(closure(asked_by(image)))


# ---- compose.yaml


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_that_runs_beside_the_service_may_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("read_only") or name == "database"


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_of_a_named_release(name: str) -> None:
    tag = SERVICES[name]["image"].partition(":")[2]
    assert re.match(r"\d", tag)
    if name in OURS:
        assert tag == PROJECT["project"]["version"]
        assert SERVICES[name]["build"]["target"] in PINS


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_compose_sets_is_a_setting_and_no_secret(name: str) -> None:
    environment: dict[str, str] = SERVICES[name]["environment"]
    assert set(environment) <= {PREFIX + field.upper() for field in Settings.model_fields}
    secret = [value for setting, value in environment.items() if "KEY" in setting or "@" in value]
    assert secret
    assert all(re.search(r"\$\{\w+:\?[^}]+\}", value) for value in secret)


def test_compose_refuses_to_start_without_a_password_of_the_database() -> None:
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_compose_runs_two_workers_with_a_shared_memory_and_a_key() -> None:
    environment = SERVICES["service"]["environment"]
    settings = Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in environment.items()})
    assert settings.workers == 2
    assert settings.redis_url == "redis://cache:6379/0"
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert settings.api_key
    assert "allkeys-lru" in SERVICES["cache"]["command"]


def test_the_tables_are_there_before_the_service_and_the_trainer() -> None:
    assert SERVICES["migration"]["command"] == ["endcap", "db", "upgrade"]
    assert "db" in COMMANDS
    for name in ("service", "trainer"):
        assert SERVICES[name]["depends_on"]["migration"] == {"condition": "service_completed_successfully"}


def test_the_service_and_the_trainer_see_the_same_bundles() -> None:
    assert SERVICES["service"]["volumes"] == SERVICES["trainer"]["volumes"] == ["kept:/var/lib/endcap"]


# ---- the scripts


def test_a_shell_script_stops_at_its_first_failure_and_is_linted() -> None:
    linted = re.findall(r"shellcheck (.+)", (ROOT / "Makefile").read_text())[0].split()
    scripts = [path for path in (ROOT / ".ci").iterdir() if path.read_bytes().startswith(b"#!/usr/bin/env bash")]
    assert {str(path.relative_to(ROOT)) for path in scripts} == set(linted)
    assert all("\nset -euo pipefail\n" in path.read_text() for path in scripts)


# ---- the installation itself


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "bash", "-euc", script], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_what_the_dockerfile_installs_for_the_service_serves_and_does_not_learn(tmp_path: Path) -> None:
    """Run the installation of the stage here, in a copy of the files that are sent to it."""
    source, home = tmp_path / "source", tmp_path / "endcap"
    source.mkdir()
    for name in re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    steps = [line.replace("/opt/endcap", str(home)) for line in STAGES["service-packages"].arguments("RUN")]
    steps = [line.replace("python -m venv", f"{sys.executable} -m venv") for line in steps]
    pip = f"{home}/bin/pip"
    first = next(iter(pins(PINS["service"])))
    ran = run(f"{sys.executable} -m venv {home}; {pip} download --quiet --no-deps {first}", tmp_path)
    if ran.returncode:
        pytest.skip(f"no package index can be reached: {ran.stderr.strip().splitlines()[-1]}")
    for step in steps:
        # An image has no pip cache to keep; here the packages may come out of it.
        ran = run(step.replace("--no-cache-dir ", ""), source)
        assert ran.returncode == 0, ran.stderr

    python = f"{home}/bin/python"
    listing = "import importlib.metadata as m; print(*sorted(d.name.lower() for d in m.distributions()))"
    installed = set(run(f"{python} -c '{listing}'", tmp_path).stdout.split())
    assert {"endcap", "fastapi", "numpy"} <= installed
    assert installed & (NEVER_SERVES | {"pip", "setuptools", "pytest"}) == set()

    imported = run(f"{python} -c 'import cli.serve; print(cli.serve.__file__)'", tmp_path)
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.startswith(str(home))
    assert "serve" in run(f"{home}/bin/endcap --help", tmp_path).stdout
    upgraded = run(f"{home}/bin/endcap db upgrade", tmp_path)
    assert upgraded.returncode == 0, upgraded.stderr
    refused = run(f"{home}/bin/endcap train", tmp_path)
    assert refused.returncode == 1
    assert "install Endcap with its `train` extra" in refused.stderr
