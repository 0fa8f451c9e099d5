"""How well items are found of which the shop has sold nothing yet.

    python -m bench.cold_start [--cutoff DATE] [--json PATH]                        the shop in the database
    python -m bench.cold_start --events PATH --items PATH [--json PATH]             a shop in files

A tenth of the items that five shoppers know is hidden: all their events are taken out of what is learned from and out
of the histories, their place in the catalogue stays. Asked are the shoppers who took one of them afterwards: from the
database those who bought one in the horizon after the cutoff (protocol temporal), from files those whose last item is
one (protocol leave-one-out). Each row ranks the hidden items among themselves, and then among all that the shopper does
not have. Beside `als_cold` and `content`: by chance, and by how many shoppers the other items of the same category have
on average (where there are no categories, of the same tags).
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from rich.console import Console
from scipy.sparse import csr_matrix

from bench.rounds import machine
from cli.given import Files, Read, read_given
from cli.settings import read_settings
from models.arrays import NO_ROWS, Float32, Mask
from models.placement import Placement
from models.snapshot import Snapshot
from models.topk import top_rows
from training.config import Recipe
from training.data import TrainingData
from training.evaluate.asked import Asked
from training.evaluate.held_out import hold_out, known_before
from training.evaluate.intervals import Comparison, Interval, PerUser, compare, intervals
from training.evaluate.leave_one_out import Setting, stages
from training.evaluate.lists import Asking, Lists
from training.evaluate.metrics import judge, measure
from training.evaluate.temporal import asked as asked_at_cutoff
from training.fitting import fit_sources, lay_out
from training.progress import Steps
from training.read import ShopData

K: Final = 20
METRICS: Final = (f"recall@{K}", f"ndcg@{K}")
SOURCES: Final = ("als_cold", "content")
CHANCE, CATEGORY = "chance", "popularity of its category"
PLACEMENT: Final = Placement("cold start", "new_to_you", {}, n=K, known="mask")
KNOWN_TO: Final = 5
"""Shoppers of an item that may be hidden."""


@dataclass(frozen=True)
class Hidden:
    """A shop that has sold nothing of some items, and who came for them."""

    asking: Asking
    asked: Asked
    """Held against hidden items alone."""
    is_hidden: Mask
    """Shape (n,), by snapshot row."""


@dataclass(frozen=True)
class Found:
    """One row: a model among some items."""

    model: str
    among: str
    metrics: dict[str, Interval]
    against: dict[str, Comparison]
    """`als_cold` against it; nothing against itself."""


def drawn(events: pl.DataFrame, items: pl.DataFrame, share: float, seed: int) -> list[str]:
    """Return a share of the items that may be recommended and that enough shoppers know."""
    shoppers = events.group_by("item_id").agg(pl.col("shopper").n_unique())
    enough = shoppers.filter(pl.col("shopper") >= KNOWN_TO)["item_id"]
    ids = items.filter(pl.col("recommendable") & pl.col("item_id").is_in(enough.implode()))["item_id"].sort()
    return ids.sample(fraction=share, seed=seed).sort().to_list()


Ask = Callable[[Snapshot], Asked | None]


def at_cutoff(shop: ShopData, recipe: Recipe, cutoff_us: int, hidden: Sequence[str]) -> tuple[TrainingData, Ask]:
    """Hide items from all before a cutoff, and ask those who bought something new to them after it."""
    before = pl.col("ts").dt.timestamp("us") < cutoff_us
    ours = replace(shop, events=shop.events.filter(~(before & pl.col("item_id").is_in(hidden))))
    past = lay_out(known_before(ours, cutoff_us), recipe, cutoff_us)
    split = hold_out(ours, past, recipe.horizon_days)
    return past, lambda _: asked_at_cutoff(split, "mask")


def of_last_items(shop: ShopData, recipe: Recipe, hidden: Sequence[str]) -> tuple[TrainingData, Ask]:
    """Hide items from all but the last event of each shopper, and ask for that one."""
    is_last = pl.int_range(pl.len()).reverse().over("shopper") == 0
    ours = replace(shop, events=shop.events.filter(is_last | ~pl.col("item_id").is_in(hidden)))
    laid_out = partial(_laid_out, recipe)
    _, testing = stages(ours, recipe.memory.memory(), laid_out, Setting(refit=True))
    return testing.past, partial(testing.ask, PLACEMENT)


def _laid_out(recipe: Recipe, shop: ShopData, until_us: int, *, timeless: bool = False) -> TrainingData:
    return lay_out(shop, recipe, until_us, timeless=timeless)


def hide(read: Read, recipe: Recipe, cutoff: str, share: float, steps: Steps) -> Hidden:
    """Hide items, learn from the rest, and find who came for them."""
    cutoff_us, shop = read.cutoff_us(cutoff), read.shop
    known = shop.events if cutoff_us is None else shop.events.filter(pl.col("ts").dt.timestamp("us") < cutoff_us)
    hidden = drawn(known, shop.items, share, recipe.seed)
    if cutoff_us is None:
        past, ask = of_last_items(shop, recipe, hidden)
    else:
        past, ask = at_cutoff(shop, recipe, cutoff_us, hidden)
    sources = {name: recipe.sources.get(name, {}) for name in SOURCES}
    snapshot = fit_sources(past, recipe.model_copy(update={"sources": sources}), steps).snapshot({})
    found, rows = ask(snapshot), past.vocabulary.rows(hidden)
    if found is None or not np.isin(found.targets.rows, rows).any():
        sys.exit("nobody came for one of the hidden items; choose another --cutoff, or import more events")
    places, targets = found.targets.where(np.isin(found.targets.rows, rows))
    questions = [found.questions[place] for place in places.tolist()]
    return Hidden(
        asking=Asking(snapshot, past, PLACEMENT, found.histories),
        asked=replace(found, questions=questions, targets=targets, shoppers=found.shoppers[places]),
        is_hidden=np.isin(np.arange(len(past.vocabulary)), rows),
    )


def lists_among(hidden: Hidden, among: Mask, seed: int) -> Lists:
    """Return every model's list for every question, shape (q, K), -1 where it is short. among: shape (n,)."""
    asking, chance = hidden.asking, np.random.default_rng(seed)
    popularity = popularity_of_category(asking.past)
    lists = {name: np.full((len(hidden.asked.questions), K), -1, np.int32) for name in (*SOURCES, CATEGORY, CHANCE)}
    for place, question in enumerate(hidden.asked.questions):
        context = asking.context(question)
        mask = among & asking.snapshot.catalogue.recommendable
        mask[context.interactions.items] = False
        for name in SOURCES:
            source = asking.snapshot.sources.get(name)
            rows = NO_ROWS if source is None else source.ask(context).propose(mask, K)[0]
            lists[name][place, : len(rows)] = rows
        for name, scores in ((CATEGORY, popularity), (CHANCE, chance.random(len(mask), dtype=np.float32))):
            rows = top_rows(scores, mask, K)
            lists[name][place, : len(rows)] = rows
    return lists


def popularity_of_category(data: TrainingData) -> Float32:
    """Return for each row the mean number of shoppers of the items of its category, or of its tags, shape (n,)."""
    shoppers = np.bincount(data.summary.items, minlength=len(data.vocabulary))
    columns = data.items.select("category", "tags").fill_null([]).rows()
    labels = [[" > ".join(map(str, path))] if path else tags for path, tags in columns]
    number_of = {label: number for number, label in enumerate(dict.fromkeys(chain.from_iterable(labels)))}
    offsets = np.cumsum([0, *map(len, labels)])
    numbers = [number_of[label] for label in chain.from_iterable(labels)]
    told = csr_matrix((np.ones(len(numbers)), numbers, offsets), shape=(len(labels), max(1, len(number_of))))
    sold = shoppers > 0
    mean = (told.T @ shoppers) / np.maximum(told.T @ sold.astype(np.float64), 1)
    scores: Float32 = (told @ mean / np.maximum(np.diff(offsets), 1)).astype(np.float32)
    return scores


def found_in(hidden: Hidden, among: str, lists: Lists, seed: int) -> list[Found]:
    """Hold lists against the hidden items that were asked for."""
    judged = {name: measure(judge(rows, hidden.asked.targets), METRICS) for name, rows in lists.items()}
    users = {name: PerUser.of(figures, hidden.asked.shoppers) for name, figures in judged.items()}
    ours = users[SOURCES[0]]
    return [
        Found(
            model=name,
            among=among,
            metrics=dict(zip(METRICS, intervals(one, seed), strict=True)),
            against={} if one is ours else dict(zip(METRICS, compare(ours, one, seed), strict=True)),
        )
        for name, one in users.items()
    ]


def as_table(rows: Sequence[Found]) -> str:
    """Return one line a row, for people."""
    lines = [f"{'':28}{'among':10}" + "".join(f"{metric:>28}" for metric in METRICS)]
    for row in rows:
        star = {name: "*" if name in row.against and row.against[name].differs else " " for name in METRICS}
        figures = (f"{one.value:.4f}{star[name]} {one.low:.4f}-{one.high:.4f}" for name, one in row.metrics.items())
        lines.append(f"{row.model:28}{row.among:10}" + "".join(f"{figure:>28}" for figure in figures))
    return "\n".join(
        [*lines, "95 % intervals over resampled shoppers; * als_cold differs by the paired test, p < .05."]
    )


def main(arguments: list[str] | None = None) -> int:
    """Hide, measure, print, and write."""
    options = _options(arguments)
    steps, recipe = Steps(Console(stderr=True)), Recipe()
    files = Files(events=options.events, items=options.items)
    read = read_given(files, "" if files.any else read_settings().database_url, steps)
    cutoff = options.cutoff if files.any else options.cutoff or f"-{recipe.horizon_days}d"
    hidden = hide(read, recipe, cutoff, options.share, steps)
    everything = np.ones_like(hidden.is_hidden)
    rows = [
        row
        for among, mask in (("hidden", hidden.is_hidden), ("all", everything))
        for row in found_in(hidden, among, lists_among(hidden, mask, recipe.seed), recipe.seed)
    ]
    asked = {
        "protocol": "temporal" if cutoff else "leave-one-out (sources see the validation item)",
        "n_hidden": int(hidden.is_hidden.sum()),
        "n_shoppers": len(np.unique(hidden.asked.shoppers)),
    }
    print(f"{asked['protocol']}: {asked['n_hidden']:,} items hidden, {asked['n_shoppers']:,} shoppers came for one")
    print(as_table(rows))
    if options.json:
        told = {**asked, "machine": machine(), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cutoff", default="", metavar="DATE", help="a date, or -28d; the database's default: -28d")
    parser.add_argument("--events", type=Path, metavar="PATH", help="a file of events instead of the database")
    parser.add_argument("--items", type=Path, metavar="PATH", help="the catalogue of those events")
    parser.add_argument("--share", type=float, default=0.1, help="of the items to hide")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
