"""endcap compare: one recipe against another, on the same past and the same days after it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from cli.compared import NOTE, as_tables
from cli.given import EventsFile, Files, ItemsFile, Mapping, TestFile, Timezone, TrainFile, read_given
from cli.measuring import (
    EVERY,
    STANDARD_OUTPUT,
    Cutoff,
    HorizonDays,
    JsonPath,
    Processes,
    Protocol,
    processes_of,
    progress_bars,
    protocols_of,
    refuse_unwritable,
    write_json,
)
from cli.printing import printable
from cli.settings import read_settings
from models.errors import BundleError, InputError
from store.bundles.published import PublishedBundles
from store.bundles.read import open_bundle
from store.placements import read_placements
from training.compare import ONE, OTHER, Side, measure_both
from training.config import read_recipe, recipe_of
from training.evaluate.comparison import as_json, compared
from training.evaluate.leave_one_out import Setting
from training.evaluate.protocols import PROTOCOLS, Given
from training.evaluate.table import Options
from training.progress import Steps

app = typer.Typer(add_completion=False)

CHAMPION = "champion"


Both: TypeAlias = Annotated[
    tuple[str, str], typer.Argument(metavar="A B", help="Each a training file, the version of a bundle, or champion.")
]
AsPublished: TypeAlias = Annotated[
    bool, typer.Option("--as-published", help="Two bundles as they are, on days that neither has seen.")
]


@app.command()
def compare(
    both: Both,
    *,
    protocol: Protocol = EVERY,
    events: EventsFile = None,
    items: ItemsFile = None,
    train: TrainFile = None,
    test: TestFile = None,
    mapping: Mapping = None,
    timezone: Timezone = None,
    cutoff: Cutoff = "",
    horizon_days: HorizonDays = None,
    as_published: AsPublished = False,
    json_path: JsonPath = None,
    processes: Processes = None,
) -> None:
    """Fit two recipes on the same past and test them on what came after it: figures, shoppers, lists, examples."""
    protocols = protocols_of(protocol)
    refuse_unwritable(json_path)
    settings = read_settings()
    sides = _sides(*both, PublishedBundles(settings.bundles), as_published=as_published)
    placements = read_placements(settings.placements)
    console = Console(stderr=json_path == STANDARD_OUTPUT)
    steps, recipe = Steps(console), sides[0].recipe
    with steps.step("read"):
        files = Files(events, items, train, test, tuple(mapping or ()), timezone)
        read = read_given(files, settings.database_url, steps)
        given = read.given(recipe, cutoff, horizon_days, Setting())
    if as_published:
        given = _after_both(given, sides, protocols)
    with progress_bars(console) as progress:
        options = Options(recipe.seed, processes=processes_of(processes), progress=progress)
        tables = measure_both(sides, given, protocols, placements, options, steps)
    title_of = dict(read.shop.items.select("item_id", "title").iter_rows())
    found = [compared(table, ONE, OTHER, title_of, recipe.seed) for table in tables]
    console.print(escape(printable(f"A is {both[0]}, B is {both[1]}")), highlight=False)
    console.print(*map(as_tables, found), NOTE, sep="\n", highlight=False)
    write_json(json_path, as_json(found, both))


def _sides(a: str, b: str, bundles: PublishedBundles, *, as_published: bool) -> tuple[Side, Side]:
    """Return both sides. Raises ConfigurationError, BundleError or InputError for what they cannot be."""
    one, other = (_side(given, bundles, as_published=as_published) for given in (a, b))
    # The checks look at the data, and the gate at the figures: neither changes a list.
    same = {"checks": one.recipe.checks, "gate": one.recipe.gate}
    if not as_published and other.recipe.model_copy(update=same) == one.recipe:
        raise InputError(
            f"{printable(a)} and {printable(b)} are the same recipe, there is nothing to compare; "
            "two bundles of one recipe are compared with --as-published"
        )
    return one, other


def _side(given: str, bundles: PublishedBundles, *, as_published: bool) -> Side:
    path = Path(given)
    if path.is_file() or path.suffix == ".toml":
        if as_published:
            raise InputError(f"{given} is a training file; --as-published compares bundles, see `endcap models list`")
        return Side(given, read_recipe(path))
    version = given
    if given == CHAMPION:
        pointer = bundles.pointer()
        if pointer is None:
            raise BundleError(f"no bundle is published in {bundles.root}; run `endcap train`")
        version = pointer.champion
    elif given not in bundles.versions():
        raise InputError(
            f"{printable(given)[:80]} is neither a training file nor a bundle in {bundles.root}; "
            "see `endcap models list`"
        )
    recipe = recipe_of(bundles.manifest(version).recipe, f"bundle {version}")
    published = open_bundle(bundles.folder(version)).snapshot if as_published else None
    return Side(given if given == version else f"{given} ({version})", recipe, published)


def _after_both(given: Given, sides: tuple[Side, Side], protocols: tuple[str, ...]) -> Given:
    """Return what to measure on from the moment on that neither bundle has seen. Raises InputError if nothing is."""
    if not set(protocols) <= set(PROTOCOLS):
        raise InputError(f"--as-published goes with --protocol {' or '.join(PROTOCOLS)}, which are cut by time")
    seen_us = max(side.published.data_until_us for side in sides if side.published is not None)
    if given.cutoff_us is not None and given.cutoff_us < seen_us:
        raise InputError(
            f"--cutoff lies before {_moment(seen_us)}, until when one of the bundles has seen everything; leave it out"
        )
    if given.until_us <= seen_us:
        raise InputError(
            f"no event is later than {_moment(seen_us)}, until when the bundles have seen everything; import newer "
            "events, or compare their recipes without --as-published"
        )
    return replace(given, cutoff_us=given.cutoff_us or seen_us)


def _moment(moment_us: int) -> str:
    return f"{datetime.fromtimestamp(moment_us / 1e6, UTC):%Y-%m-%d %H:%M}"
