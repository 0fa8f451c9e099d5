"""endcap recommend: answer one shopper for one placement, with titles and reasons."""

import json
import time
import unicodedata
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.printing import printable
from cli.settings import read_settings
from models.catalogue import category_path
from models.context import Context, build_context
from models.errors import InputError
from models.events import shopper_key
from models.history import History
from models.placement import Placement
from models.recommend import Recommendation, recommend
from models.snapshot import Snapshot
from models.told import ToldItem, tell
from store.bundles.published import PublishedBundles
from store.catalogue import read_catalogue
from store.newcomers import read_newcomers
from store.opening import open_database
from store.placements import placement_named, read_placements
from store.shoppers import history_of

app = typer.Typer(add_completion=False)

_MOST = 1_000
_LONGEST_ID = 256


@app.command(name="recommend")
def recommend_command(  # noqa: PLR0917 - the options of a command
    user: Annotated[str, typer.Option(help="The shop's id of the shopper; an unknown one is answered as new.")] = "",
    placement: Annotated[
        str, typer.Option(help="A slot of the shop: home, new-for-you, product, cart, buy-again, popular, ...")
    ] = "home",
    item: Annotated[list[str] | None, typer.Option(help="What the list is about (product), or the cart.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="An item id that must not be shown.")] = None,
    session: Annotated[
        list[str] | None, typer.Option(help="An item looked at in this session, the last one last.")
    ] = None,
    category: Annotated[str, typer.Option(help="Only what lies in it: 'Dairy > Milk'.")] = "",
    n: Annotated[int | None, typer.Option(help="How many items; without it, the placement's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what to show this shopper here, now, and why."""
    _refuse_impossible_id(user)
    settings = read_settings()
    slot = placement_named(placement, read_placements(settings.placements))
    if n is not None:
        if not 1 <= n <= _MOST:
            raise InputError(f"--n is {n}; ask for 1 to {_MOST} items")
        slot = replace(slot, n=n)
    path = category_path(category) if category else ()
    bundle = PublishedBundles(settings.bundles).champion()
    database = open_database(settings.database_url)
    catalogue = read_catalogue(database, bundle.snapshot.vocabulary)
    snapshot = bundle.with_catalogue(catalogue, read_newcomers(database, bundle.newcomers_in(catalogue)))
    history = History()
    if user:
        with database.reading() as connection:
            history = history_of(connection, shopper_key(user, None), snapshot.memory, snapshot.data_until_us)
    context = build_context(
        snapshot.vocabulary,
        snapshot.memory,
        now_us=time.time_ns() // 1000,
        history=history,
        anchor_ids=item or (),
        excluded_ids=exclude or (),
        session_ids=session or (),
        category=path,
    )
    answer = recommend(context, snapshot, slot)
    told = tell(context, snapshot, answer)
    if as_json:
        typer.echo(_as_json(told, answer, context, slot, snapshot))
        return
    _print(told, answer, context, f"{slot.name} for {user or 'a new shopper'}, bundle {snapshot.version}")


def _as_json(
    told: tuple[ToldItem, ...], answer: Recommendation, context: Context, slot: Placement, snapshot: Snapshot
) -> str:
    return json.dumps(
        {
            "placement": slot.name,
            "model_version": snapshot.version,
            "fallback": answer.fallback,
            "unknown_item_ids": context.unknown_item_ids,
            "items": [one.as_json() for one in told],
        },
        ensure_ascii=False,
        indent=2,
    )


def _refuse_impossible_id(user: str) -> None:
    """Raise InputError for what no import takes as an id."""
    if len(user) > _LONGEST_ID or any(unicodedata.category(char) in {"Cc", "Cs"} for char in user):
        raise InputError(f"--user {printable(user[:80])!r} is no id: at most {_LONGEST_ID} characters, none of control")


def _print(told: tuple[ToldItem, ...], answer: Recommendation, context: Context, title: str) -> None:
    # Text, because what a shop calls its items may look like rich's own markup.
    table = Table("#", "item", "title", "score", "why", title=Text(printable(title)), title_justify="left")
    for one in told:
        score = "" if one.score is None else f"{one.score:.3f}"
        table.add_row(*(Text(printable(cell)) for cell in (str(one.position), one.item_id, one.title, score, one.why)))
    console = Console(markup=False, highlight=False)
    console.print(table)
    if context.category and not told:
        console.print(f"the catalogue has nothing to show in {printable(' > '.join(context.category))}")
    if context.is_cold and not len(context.anchors):
        console.print("nothing is known of this shopper: what is popular and trending is shown")
    if answer.n_filled:
        console.print(f"{answer.n_filled} of {len(told)} fill up from {answer.fallback}")
    if context.unknown_item_ids:
        console.print(f"not in the catalogue, ignored: {printable(', '.join(context.unknown_item_ids))}")
