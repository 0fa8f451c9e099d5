"""endcap recommend: answer one shopper for one placement, with titles and reasons."""

import json
import time
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.settings import read_settings
from models.context import Context, build_context
from models.errors import InputError
from models.events import shopper_key
from models.history import History
from models.reasons import reasons
from models.recommend import Recommendation, recommend
from models.snapshot import Snapshot
from store.bundles.published import PublishedBundles
from store.catalogue import read_catalogue
from store.database import open_database
from store.placements import placement_named, read_placements
from store.shoppers import history_of

app = typer.Typer(add_completion=False)

_MOST = 1_000


@app.command(name="recommend")
def recommend_command(
    user: Annotated[str, typer.Option(help="The shop's id of the shopper; an unknown one is answered as new.")] = "",
    placement: Annotated[str, typer.Option(help="A slot of the shop: home, new-for-you, product, cart, buy-again.")] = (
        "home"
    ),
    item: Annotated[list[str] | None, typer.Option(help="What the list is about (product), or the cart.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="An item id that must not be shown.")] = None,
    n: Annotated[int | None, typer.Option(help="How many items; without it, the placement's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what to show this shopper here, now, and why."""
    settings = read_settings()
    slot = placement_named(placement, read_placements(settings.placements))
    if n is not None:
        if not 1 <= n <= _MOST:
            raise InputError(f"--n is {n}; ask for 1 to {_MOST} items")
        slot = replace(slot, n=n)
    bundle = PublishedBundles(settings.bundles).champion()
    database = open_database(settings.database_url)
    snapshot = bundle.with_catalogue(read_catalogue(database, bundle.snapshot.vocabulary))
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
    )
    answer = recommend(context, snapshot, slot)
    told = _told(answer, context, snapshot)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "placement": slot.name,
                    "model_version": snapshot.version,
                    "fallback": answer.fallback,
                    "unknown_item_ids": context.unknown_item_ids,
                    "items": told,
                },
                ensure_ascii=False,
                indent=2,
            )
        )
        return
    _print(told, answer, context, f"{slot.name} for {user or 'a new shopper'}, bundle {snapshot.version}")


def _told(answer: Recommendation, context: Context, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the list in ids, titles and words."""
    catalogue, ids = snapshot.catalogue, snapshot.vocabulary.ids
    why = reasons(context, snapshot, answer)
    return [
        {
            "item_id": ids[row],
            "position": position,
            "title": catalogue.titles[row],
            "score": None if score != score else round(float(score), 4),  # noqa: PLR0124 - NaN differs from itself
            "reason": {
                "source": reason.source,
                "because_of": [ids[other] for other in reason.because_of.tolist()],
                "titles": [catalogue.titles[other] for other in reason.because_of.tolist()],
            },
        }
        for position, (row, score, reason) in enumerate(
            zip(answer.rows.tolist(), answer.scores.tolist(), why, strict=True), start=1
        )
    ]


_SHOWN_TITLES = 3


def _print(told: list[dict[str, Any]], answer: Recommendation, context: Context, title: str) -> None:
    table = Table("#", "item", "title", "score", "why", title=title, title_justify="left")
    for one in told:
        reason = one["reason"]
        titles = reason["titles"]
        because = ", ".join(titles[:_SHOWN_TITLES]) + (
            f" and {len(titles) - _SHOWN_TITLES} more" if len(titles) > _SHOWN_TITLES else ""
        )
        why = f"{reason['source']}: {because}" if because else reason["source"]
        score = "" if one["score"] is None else f"{one['score']:.3f}"
        table.add_row(str(one["position"]), one["item_id"], one["title"], score, why)
    console = Console()
    console.print(table)
    if context.is_cold:
        console.print("nothing is known of this shopper: what is popular and trending is shown", highlight=False)
    if answer.n_filled:
        console.print(f"{answer.n_filled} of {len(told)} fill up from {answer.fallback}", highlight=False)
    if context.unknown_item_ids:
        console.print(f"not in the catalogue, ignored: {', '.join(context.unknown_item_ids)}", highlight=False)
