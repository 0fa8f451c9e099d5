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
from training.cleaning.run import Cleaned, Cleaning, clean_before
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
    """Check the data: each named check says PASS, WARN or FAIL, and what to do. Exits with 1 when one says FAIL.

    A second table says what cleaning takes out before a training learns.
    """
    recipe = read_recipe(config)
    shop = read_shop(open_database(read_settings().database_url))
    now_us = time.time_ns() // 1000
    findings = check_shop(shop, recipe, now_us=now_us)
    if json_path != STANDARD_OUTPUT:
        _print(findings)
    _, cleaned = clean_before(shop, recipe.cleaning, now_us)
    if json_path != STANDARD_OUTPUT:
        _print_cleaned(cleaned, recipe.cleaning)
    if json_path is not None:
        _write(findings, cleaned, json_path)
    if worst(findings) == "FAIL":
        raise typer.Exit(1)


def _print_cleaned(cleaned: Cleaned, cleaning: Cleaning) -> None:
    table = Table("Cleaning", "Events", "What is not learned from", show_lines=True)
    done = {found.step: found for found in cleaned.removed}
    for step in cleaning.steps():
        found = done.get(step.name)
        told = ("", "turned off") if found is None else (f"{found.n_events:,}", escape(found.what))
        table.add_row(step.name, *told)
    console = Console()
    console.print(table)
    for warning in cleaned.warnings(cleaning):
        console.print(f"[yellow]WARN[/] {escape(warning)}", highlight=False)
    left = cleaned.n_events - sum(found.n_events for found in cleaned.removed)
    console.print(
        f"{left:,} of {cleaned.n_events:,} events are learned from; all stay in the database. docs/cleaning.md "
        "describes each step.",
        highlight=False,
    )


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


def _write(findings: tuple[Finding, ...], cleaned: Cleaned, path: str) -> None:
    """Write what was found to a file or to standard output.

    {"level", "findings": [{"check", "level", "counts", "what", "to_do"}],
     "cleaning": {"events": before it, "steps": {step: counts}}}
    """
    found = {
        "level": worst(findings),
        "findings": [finding.as_json() for finding in findings],
        "cleaning": {"events": cleaned.n_events, "steps": cleaned.counts()},
    }
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
