"""endcap train: learn from the events and publish a bundle."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.settings import read_settings
from models.errors import InputError
from store.bundles.published import PublishedBundles
from store.opening import open_database
from store.placements import read_placements
from training.config import read_recipe
from training.evaluate.report import NOTE, as_tables
from training.progress import Steps
from training.run import train as run_training

app = typer.Typer(add_completion=False)


@app.command()
def train(
    config: Annotated[Path | None, typer.Option(help="The training's TOML file; without it, the defaults.")] = None,
    force: Annotated[
        str | None, typer.Option(metavar="REASON", help="Publish although the gate refuses; the reason is kept.")
    ] = None,
) -> None:
    """Check the data, fit, judge on the last horizon, fit on everything, and publish. Takes minutes."""
    if force is not None and not force.strip():
        raise InputError("--force needs a reason in words; it is kept with the bundle")
    settings = read_settings()
    recipe = read_recipe(config)
    console = Console()
    trained = run_training(
        database=open_database(settings.database_url),
        bundles=PublishedBundles(settings.bundles),
        recipe=recipe,
        placements=read_placements(settings.placements),
        now=datetime.now(UTC),
        steps=Steps(console),
        force_reason=force,
    )
    console.print(as_tables(trained.judged.table))
    console.print(NOTE, highlight=False)
    console.print(f"published {trained.version}; {trained.n_pasts:,} histories stored", highlight=False)
    console.print("next: endcap recommend --user ID --placement home", highlight=False)
