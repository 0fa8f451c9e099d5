"""endcap check: say what is wrong with the data before a training learns it."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.settings import read_settings
from models.errors import InputError
from store.opening import open_database
from training.checking import check_shop
from training.checks.finding import Finding, Level, worst
from training.config import read_recipe
from training.read import read_shop

app = typer.Typer(add_completion=False)

COLOURS: dict[Level, str] = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red"}
STANDARD_OUTPUT = "-"


@app.command()
def check(
    config: Annotated[
        Path | None, typer.Option(help="The training's TOML file; thresholds are under checks.NAME.")
    ] = None,
    json_path: Annotated[
        str | None,
        typer.Option("--json", metavar="PATH", help="Write the findings as JSON too; - prints nothing else."),
    ] = None,
) -> None:
    """Check the data: each named check says PASS, WARN or FAIL, and what to do. Exits with 1 when one says FAIL."""
    recipe = read_recipe(config)
    shop = read_shop(open_database(read_settings().database_url))
    findings = check_shop(shop, recipe, now_us=time.time_ns() // 1000)
    if json_path != STANDARD_OUTPUT:
        _print(findings)
    if json_path is not None:
        _write(findings, json_path)
    if worst(findings) == "FAIL":
        raise typer.Exit(1)


def _print(findings: tuple[Finding, ...]) -> None:
    table = Table("", "Check", "What was found, and what to do", show_lines=True)
    for finding in findings:
        colour = COLOURS[finding.level]
        told = escape(finding.what) + (f"\n[{colour}]{escape(finding.to_do)}[/]" if finding.to_do else "")
        table.add_row(f"[{colour}]{finding.level}[/]", finding.check, told)
    console = Console()
    console.print(table)
    levels = Counter(finding.level for finding in findings)
    count = ", ".join(f"{levels[level]} {level}" for level in COLOURS)
    ending = "no training will run until what failed is corrected" if levels["FAIL"] else "a training will run"
    console.print(f"{count}: {ending}. docs/checks.md describes each check.", highlight=False)


def _write(findings: tuple[Finding, ...], path: str) -> None:
    """Write {"level", "findings": [{"check", "level", "counts", "what", "to_do"}]} to a file or to standard output."""
    found = {"level": worst(findings), "findings": [finding.as_json() for finding in findings]}
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if path == STANDARD_OUTPUT:
        typer.echo(text)
        return
    try:
        # Examples in a finding may name shoppers.
        Path(path).touch(mode=0o600)
        Path(path).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the findings to {path}: {error.strerror}; choose another file") from error
