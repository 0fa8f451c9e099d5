"""What the pages say is so: their commands run, their names are there, their links lead somewhere."""

import csv
import importlib.util
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.main import COMMANDS, load
from cli.settings import PREFIX, Settings, read_settings
from tests import services
from training.config import recipe_of

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
}
README = PAGES["README.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BIN = Path(sys.executable).parent


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title!r}"
    return found[1]


def blocks(page: str, language: str) -> list[str]:
    return [body for named, body in FENCE.findall(page) if named == language]


def commands_of(page: str) -> Iterator[list[str]]:
    """Every command that a page names, in a shell block or between backticks, as words."""
    lines = [line for body in blocks(page, "sh") for line in re.split(r"\n|&&", body.replace("\\\n", " "))]
    lines += re.findall(r"`([^`\n]+)`", FENCE.sub("", page))
    for line in lines:
        words = shlex.split(line, comments=True) if line.count("'") % 2 == 0 else []
        if words and words[0] in {"endcap", "make", "python"}:
            yield words


def named(program: str) -> list[Any]:
    return [
        pytest.param(words, id=f"{page}: {' '.join(words)}")
        for page, text in PAGES.items()
        for words in commands_of(text)
        if words[0] == program
    ]


# ---- names


@pytest.mark.parametrize("words", named("endcap"))
def test_a_command_that_a_page_names_is_there_with_its_options(words: list[str]) -> None:
    if words[1:2] in ([], ["--help"], ["--version"]):
        return
    assert words[1] in COMMANDS
    command, rest = load(words[1]), words[2:]
    if hasattr(command, "commands"):
        each = rest[0].split("|") if rest and not rest[0].startswith("-") else []
        assert set(each) <= set(command.commands)
        command = command.commands[each[0]] if each else command
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("words", named("make"))
def test_a_target_that_a_page_names_is_in_the_makefile(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(words[1:]) <= targets


@pytest.mark.parametrize("words", named("python"))
def test_a_script_that_a_page_names_is_there(words: list[str]) -> None:
    assert words[1] == "-m"
    assert importlib.util.find_spec(words[2]) is not None


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_a_page_names_is_there(page: str) -> None:
    made = set(re.findall(r"^Write `([^`]+)`", PAGES[page], re.MULTILINE))
    prose = FENCE.sub("", PAGES[page])
    paths = set(
        re.findall(r"(?:cli|models|store|training|tests|bench|docs)/[\w./-]*(?:\.py|\.toml|\.md|/)(?![\w*])", prose)
    )
    assert [path for path in sorted(paths - made) if not (ROOT / path).exists() and "NAME" not in path] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", PAGES[page])):
        path, _, heading = target.partition("#")
        assert "://" not in path, "a page stands on its own"
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+)", README))
    assert {page for page in PAGES if page.startswith("docs/") and "/decisions/" not in page} <= linked
    assert "docs/decisions/" in linked


# ---- settings, recipes, versions


def test_the_table_of_settings_is_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    defaults = {PREFIX + name.upper(): value for name, value in read_settings().model_dump().items()}
    assert set(defaults) == {PREFIX + name.upper() for name in Settings.model_fields}
    told = re.findall(r"^\| `(ENDCAP_\w+)` \| (.+?) \|", section(README, "Settings"), re.MULTILINE)
    assert {name: value.strip("`") for name, value in told} == {
        name: "none" if value is None else str(value) for name, value in defaults.items()
    }


def test_the_training_file_of_the_readme_is_a_recipe() -> None:
    (example,) = blocks(README, "toml")
    assert recipe_of(tomllib.loads(example), "README.md").horizon_days == 7


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", PAGES["CHANGELOG.md"], re.MULTILINE)


def test_the_system_packages_of_the_readme_are_those_that_the_installation_asks_for() -> None:
    asked = set(re.findall(r"missing\+=\(([^)]+)\)", (ROOT / ".ci" / "install").read_text()))
    packages = {name for words in asked for name in words.split()}
    assert packages <= set(blocks(README, "sh")[0].split())


def test_decisions_are_numbered_and_say_the_four_things() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Measurement"], page.name


# ---- the README's shop


def write_shop(folder: Path, item_columns: list[str], event_columns: list[str]) -> None:
    """A shop of four tastes: shoppers buy the staples of theirs every week, and something else of it now and then."""
    tastes = ("Dairy > Milk", "Fruit", "Bakery > Bread", "Drinks > Coffee")
    items = [
        {"item_id": f"i{taste}-{number}", "title": f"{path} {number}", "category": path, "price": 2.5}
        for taste, path in enumerate(tastes)
        for number in range(20)
    ]
    now, events, chance = datetime.now(UTC).replace(microsecond=0), [], random.Random("a shop")  # noqa: S311 - no secret
    for user in range(1000, 1100):
        own = [f"i{user % 4}-{number}" for number in chance.sample(range(20), 10)]
        for week in range(16):
            ts = now - timedelta(days=7 * week + 1 + user % 5, hours=user % 11)
            order = {"event_type": "purchase", "user_id": user, "ts": ts.isoformat(), "order_id": f"{user}-{week}"}
            basket = {*(it for it in own[:4] if chance.random() < 0.7), chance.choice(own), f"i{week % 4}-{week}"}
            events += [{**order, "item_id": it, "price": 2.5} for it in sorted(basket)]
    for name, columns, rows in (("items", item_columns, items), ("events", event_columns, events)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="raise")
            writer.writeheader()
            writer.writerows(rows)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run shell lines as a reader would, in a folder of their own, with this environment's commands first."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    return subprocess.run(
        [shutil.which("bash") or "bash", "-euc", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_of_the_readme_train_on_a_shops_own_files(tmp_path: Path) -> None:
    own = section(README, "Train it in one minute, on your own files")
    items, events = blocks(own, "csv")
    write_shop(tmp_path, items.splitlines()[0].split(","), events.splitlines()[0].split(","))
    script = blocks(own, "sh")[0]
    ran = run(script, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "my-shop" / "bundles" / "champion.json").is_file()
    assert "home for 1029" in ran.stdout
    assert "buy_again" in ran.stdout.rpartition("home for 1029")[2]


def test_the_examples_of_the_readme_are_taken_as_they_stand(tmp_path: Path) -> None:
    items, events = blocks(section(README, "Train it in one minute, on your own files"), "csv")
    (tmp_path / "items.csv").write_text(items)
    (tmp_path / "events.csv").write_text(events)
    ran = run("export ENDCAP_HOME=home; endcap import items items.csv; endcap import events events.csv", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "home" / "rejects").exists() or not any((tmp_path / "home" / "rejects").iterdir())


# ---- the README's service

taught_home, home, settings = services.taught_home, services.home, services.settings


def asked_by(line: str) -> tuple[str, str, dict[str, str], bytes | None]:
    """What a line with curl sends: method, path with its query, headers and body."""
    words = shlex.split(line)
    assert words.pop(0) == "curl"
    url, headers, body = "", {}, None
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0).encode()
        else:
            assert not url, f"{word} is not understood"
            url = word
    address, slash, path = url.partition("://localhost:8000/")
    assert (address, slash) == ("http", "://localhost:8000/")
    return "GET" if body is None else "POST", f"/{path}", headers, body


def test_the_questions_of_the_readme_are_answered(home: Path, settings: Settings) -> None:
    shell = "\n".join(blocks(section(README, "Ask it over HTTP"), "sh"))
    lines = [f"curl {line}" for line in re.split(r"^curl ", shell, flags=re.MULTILINE)[1:]]
    assert len(lines) > 5
    (home / "items.csv").write_text("item_id,title,category\n1082185,BANANAS,PRODUCE > TROPICAL FRUIT\n")
    ran = run(f"ENDCAP_HOME={home} endcap import items {home / 'items.csv'}", home)
    assert ran.returncode == 0, ran.stderr

    async def story(service: services.Service) -> None:
        for line in lines:
            method, path, headers, body = asked_by(line)
            reply = await service.client.request(method, path, headers=headers, content=body)
            assert reply.is_success, f"{line}\n{reply.text}"
            told = reply.json()
            assert told.get("items") or told.get("recommendations") or told["accepted"] == 1, line

    services.tell(settings, story)


# ---- docs/add-a-source.md, followed literally


def changed(text: str, difference: str) -> str:
    """Apply a block of lines: ` ` stays, `-` goes, `+` comes; what stays or goes must be there."""
    lines = difference.splitlines()
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    assert old in text, f"the page changes lines that are not there:\n{old}"
    return text.replace(old, new)


def follow(page: str, tree: Path) -> None:
    """Do what a page says: `Write PATH:` gives a file, `In PATH...:` changes one."""
    path = None
    for part in re.split(r"(^```\w*\n.*?^```$)", page, flags=re.DOTALL | re.MULTILINE):
        fence = FENCE.match(part)
        if fence is None:
            told = re.findall(r"^(Write|In) `([^`]+)`[^\n]*:$", part, re.MULTILINE)
            path = tree / told[-1][1] if told else path
        elif path is not None and fence[1] == "python":
            path.write_text(fence[2])
        elif path is not None and fence[1] == "diff":
            path.write_text(changed(path.read_text(), fence[2]))


def test_the_page_about_sources_makes_a_source_that_keeps_the_contract(tmp_path: Path) -> None:
    page = PAGES["docs/add-a-source.md"]
    for name in ("cli", "models", "service", "store", "training", "tests", "pyproject.toml", ".importlinter"):
        copied = ROOT / name
        if copied.is_dir():
            shutil.copytree(copied, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(copied, tmp_path / name)
    follow(page, tmp_path)
    suite, style = blocks(section(page, "4. Give it a world"), "sh")[0].splitlines()
    ran = run(f"{suite} -q -p no:cacheprovider", tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^\d\d passed", ran.stdout, re.MULTILINE), ran.stdout
    if shutil.which("ruff", path=str(BIN)) and shutil.which("lint-imports", path=str(BIN)):
        ran = run(style, tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
