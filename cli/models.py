"""endcap models: list, show, report, promote, roll back and prune bundles."""

from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.settings import read_settings
from models.errors import BundleError, InputError
from store.bundles.manifest import Manifest, verify_file
from store.bundles.published import PublishedBundles

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="List, show, report, promote, roll back and prune bundles."
)


REPORT, FIGURES = "report.html", "report.json"


def _bundles() -> PublishedBundles:
    return PublishedBundles(read_settings().bundles)


def _now() -> str:
    return datetime.now(UTC).isoformat()


@app.command(name="list")
def list_bundles() -> None:
    """List the bundles, newest last, and which one is the champion."""
    bundles = _bundles()
    try:
        pointer = bundles.pointer()
    except BundleError as error:
        # Whoever is told to promote one has to see which there are.
        typer.echo(f"endcap: {error}", err=True)
        pointer = None
    if not bundles.versions():
        typer.echo(f"no bundles in {bundles.root}; run `endcap train`")
        return
    refusals = []
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("bundle", "role", "events until", "ndcg@20\nall", "ndcg@20\nnew"):
        table.add_column(heading, no_wrap=True)
    for version in bundles.versions():
        role = "" if pointer is None else {pointer.champion: "champion", pointer.rollback: "rollback"}.get(version, "")
        try:
            manifest = bundles.manifest(version)
        except BundleError as error:
            table.add_row(version, "refused")
            refusals.append(str(error))
            continue
        figures = manifest.metrics.figures
        table.add_row(
            version,
            role,
            _day(manifest.data.until_us),
            *(f"{figures[task]:.4f}" if task in figures else "" for task in ("all", "new")),
        )
    console = Console(markup=False, highlight=False)
    console.print(table)
    for refusal in refusals:
        console.print(refusal)


@app.command()
def show(version: Annotated[str, typer.Argument(help="A bundle; without it, the champion.")] = "") -> None:
    """Show what a bundle is: its data, sources, recipe and figures."""
    bundles = _bundles()
    version = version or _champion(bundles)
    manifest = bundles.manifest(version)
    console = Console(highlight=False)
    for name, value in _described(manifest).items():
        console.print(f"[bold]{name:14}[/bold] {escape(str(value))}")
    pointer = bundles.pointer()
    for decision in pointer.decisions if pointer else ():
        if decision.version == version:
            reason = f": {decision.reason}" if decision.reason else ""
            console.print(f"[bold]{decision.action:14}[/bold] {decision.at}{escape(reason)}")


@app.command()
def report(
    version: Annotated[str, typer.Argument(help="A bundle; without it, the champion.")] = "",
    out: Annotated[Path | None, typer.Option(help="Copy the page there, to send it to somebody.")] = None,
) -> None:
    """Print where the report of a bundle is: one HTML page that opens without a server, report.json beside it."""
    bundles = _bundles()
    version = version or _champion(bundles)
    page, manifest = bundles.folder(version) / REPORT, bundles.manifest(version)
    if REPORT not in manifest.files:
        raise BundleError(f"bundle {version} has no report, it was made before there were any; train again")
    for name in (REPORT, FIGURES):
        verify_file(bundles.folder(version), name, manifest)
    if out is not None:
        try:
            copyfile(page, out)
        except OSError as error:
            raise InputError(f"cannot copy the report to {out}: {error.strerror}; choose another --out") from error
    typer.echo(out or page)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="The bundle that becomes the champion.")],
    reason: Annotated[str, typer.Option(help="Kept with the decision.")] = "",
) -> None:
    """Make a bundle the champion, after verifying its files."""
    pointer = _bundles().promote(version, at=_now(), reason=reason)
    back = f"; `endcap models rollback` goes back to {pointer.rollback}" if pointer.rollback else ""
    typer.echo(f"{pointer.champion} is the champion{back}")


@app.command()
def rollback(reason: Annotated[str, typer.Option(help="Kept with the decision.")] = "") -> None:
    """Make the champion before this one the champion again."""
    typer.echo(f"{_bundles().rollback(at=_now(), reason=reason).champion} is the champion again")


@app.command()
def prune(keep: Annotated[int, typer.Option(help="How many of the newest bundles stay.")]) -> None:
    """Delete old bundles; never the champion or its rollback."""
    if keep < 1:
        raise InputError(f"--keep is {keep}; keep at least 1")
    deleted = _bundles().prune(keep)
    typer.echo(f"deleted {len(deleted)}: {', '.join(deleted)}" if deleted else "nothing to delete")


def _champion(bundles: PublishedBundles) -> str:
    pointer = bundles.pointer()
    if pointer is None:
        raise BundleError(f"no bundle is published in {bundles.root}; run `endcap train`")
    return pointer.champion


def _described(manifest: Manifest) -> dict[str, Any]:
    figures = manifest.metrics.figures
    return {
        "bundle": f"{manifest.version}, schema {manifest.schema_version}, Endcap {manifest.endcap_version}",
        "learned from": f"{manifest.data.n_events:,} events of {manifest.data.n_shoppers:,} shoppers, "
        f"{_day(manifest.data.first_us)} until {_day(manifest.data.until_us)}",
        "items": f"{manifest.n_items:,}, {manifest.n_warm:,} with enough shoppers for the collaborative sources",
        "sources": ", ".join(manifest.sources),
        "left out": "; ".join(manifest.left_out.values()) or "none",
        "figures": ", ".join(f"ndcg@20 on {task} {figure:.4f}" for task, figure in figures.items())
        + f" ({manifest.metrics.protocol})",
        "reliability": ", ".join(
            f"{task} {error:.4f}" for task, error in manifest.metrics.calibration_error.items() if error is not None
        )
        + " (mean distance of predicted from observed rate, one horizon later)",
        "size": f"{sum(entry.n_bytes for entry in manifest.files.values()) / 2**20:.1f} MiB, "
        f"{len(manifest.files)} files",
    }


def _day(moment_us: int) -> str:
    return f"{datetime.fromtimestamp(moment_us / 1e6, UTC):%Y-%m-%d %H:%M}"
