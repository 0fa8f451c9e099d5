"""What an answer costs inside models/, stage by stage and source by source.

    python -m bench.recommend [--bundle VERSION_FOLDER] [--json PATH]

One core, one thread. Without --bundle all sources learn a shop that is made up (25,000 items, 600,000 purchases);
nothing is kept. Every shopper has 300 items in the past and 30 events since; an `answer` is the whole way from such a
history to the list of `home` in words with its reasons, `similar` that from a product to the list of its page. The
reference is one product of a 25,000 x 64 matrix and a vector, timed in the same rounds: what exact search over that
many items costs at least.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import get_args

import numpy as np
from threadpoolctl import threadpool_limits

from bench.rounds import REFERENCE, as_table, pin_to_one_core, time_in_rounds, write_json
from bench.shop import Shop, made_up_history, made_up_shop
from models.arrays import DAY_US, Float32, Int32, Int64, Mask
from models.candidates import Candidates, gather
from models.context import Context, build_context
from models.history import History
from models.placement import Placement, Task, source_of
from models.rank import Blend, Calibration, LogisticSum
from models.reasons import reasons
from models.recommend import finish, recommend
from models.rules import eligible
from models.snapshot import Snapshot
from models.sources import SOURCES
from models.sources.base import Learned as SourceArrays
from models.told import tell
from models.topk import best_first
from models.views import seen
from store.bundles.read import open_bundle
from store.placements import placement_named, read_placements
from training.catalogue import catalogue_of
from training.config import Recipe
from training.data import TrainingData, prepare
from training.fit import FITS
from training.ready import make_ready

N_PAST, N_RECENT = 300, 30
N_ROUNDS = 5
KNOTS = 30
"""Of a calibration curve; those of the demo data's sources that weigh most have 17 to 38."""


@dataclass(frozen=True)
class Asked:
    """One shopper's request and what every stage hands to the next."""

    history: History
    now_us: int
    product_id: str
    """Of the page that asks for what is similar."""
    context: Context
    snapshot: Snapshot
    placement: Placement

    def calls(self) -> dict[str, Callable[[], object]]:
        """Return each stage as a call, with what comes before it already done, and then the whole."""
        context, snapshot, placement = self.context, self.snapshot, self.placement

        # What a context works out once and keeps is part of every request's cost.
        fresh = context.fresh
        mask = eligible(context, snapshot.catalogue, placement)
        found = gather(context, snapshot.sources, placement, mask)
        ranker = snapshot.ranker_of(placement)
        ranked = found.rows[_order(ranker.weigh(context, found).scores, found)]
        answer = recommend(context, snapshot, placement)
        return {
            "context": self.build,
            "recommend()": lambda: recommend(fresh(), snapshot, placement),
            "  eligibility": lambda: eligible(fresh(), snapshot.catalogue, placement),
            "  candidates": lambda: gather(fresh(), snapshot.sources, placement, mask),
            **{
                f"    {name}": self._one_source(name, mask, found.rows)
                for name in placement.sources
                if source_of(name) in snapshot.sources
            },
            "  rank": lambda: _order(ranker.weigh(fresh(), found).scores, found),
            "  rules": lambda: finish(ranked, fresh(), snapshot, placement, mask),
            "reasons": lambda: reasons(fresh(), snapshot, answer),
            "tell": lambda: tell(fresh(), snapshot, answer),
            "answer": self._answer,
            "similar": self._similar,
        }

    def build(self) -> Context:
        """Do the first stage: from a history to a context."""
        return build_context(self.snapshot.vocabulary, self.snapshot.memory, now_us=self.now_us, history=self.history)

    def _answer(self) -> object:
        context = self.build()
        return tell(context, self.snapshot, recommend(context, self.snapshot, self.placement))

    def _similar(self) -> object:
        snapshot, placement = self.snapshot, _placement("product")
        context = build_context(snapshot.vocabulary, snapshot.memory, now_us=self.now_us, anchor_ids=(self.product_id,))
        return tell(context, snapshot, recommend(context, snapshot, placement))

    def _one_source(self, name: str, mask: Mask, rows: Int32) -> Callable[[], object]:
        source, quota = self.snapshot.sources[source_of(name)], self.placement.sources[name]

        def call() -> object:
            answer = source.ask(seen(self.context.fresh(), name))
            proposed = answer.propose(mask, quota) if quota else None
            return proposed, answer.score(rows)

        return call


def _order(scores: Float32, found: Candidates) -> Int64:
    return best_first(scores, found.rows, len(scores))


@dataclass(frozen=True)
class Learned:
    """A made-up shop and what was learned from it."""

    data: TrainingData
    sources: Mapping[str, SourceArrays]
    """Source -> what it learned, as a bundle keeps it."""
    blend: Blend
    """Ranks every task."""
    snapshot: Snapshot


def learn(shop: Shop) -> Learned:
    """Let every source learn a shop, and blend them with curves through their own scores."""
    recipe = Recipe()
    memory = recipe.memory.memory()
    data = prepare(
        shop.events, shop.items, until_us=shop.until_us, memory=memory, min_shoppers=recipe.min_shoppers, seed=1
    )
    learned = {name: fit.fit(data, recipe.source_settings(name)) for name, fit in FITS.items()}
    sources = {name: SOURCES[name].load(arrays) for name, arrays in learned.items()}
    bare = Snapshot("made up", catalogue_of(data.items, data.vocabulary), sources, {}, memory, data.until_us)
    everything = np.ones(len(bare.catalogue), dtype=np.bool_)
    found = gather(asked_by(bare, seed=0).context, bare.sources, _placement("home"), everything)
    curves = {name: _curve(found.scores[:, column]) for column, name in enumerate(found.sources)}
    # As training fits them: what was bought before is told by buy_again alone.
    blend = Blend(bought=LogisticSum(-3.0, {"buy_again": curves["buy_again"]}), fresh=LogisticSum(-4.0, curves))
    ranked = replace(bare, rankers=dict.fromkeys(get_args(Task), blend))
    ready = make_ready(ranked, read_placements(), np.arange(data.n_warm, dtype=np.int32))
    return Learned(data, learned, blend, replace(ranked, ready=ready))


@cache
def _placement(name: str) -> Placement:
    return placement_named(name, read_placements())


def _curve(scores: Float32) -> Calibration:
    knots = np.unique(np.quantile(scores[~np.isnan(scores)], np.linspace(0, 1, KNOTS)).astype(np.float32))
    return Calibration(knots, np.linspace(-6, -1, len(knots), dtype=np.float32), missing=-5.0, weight=0.3)


def asked_by(snapshot: Snapshot, seed: int) -> Asked:
    """Make up one shopper of a snapshot, and the question."""
    popular, _ = (
        snapshot.sources["popular"]
        .ask(Context(snapshot.data_until_us))
        .propose(snapshot.catalogue.recommendable, len(snapshot.catalogue))
    )
    ids = tuple(snapshot.vocabulary.ids[row] for row in popular.tolist())
    history = made_up_history(ids, N_PAST, N_RECENT, snapshot.data_until_us - 1, snapshot.memory, seed)
    now_us = snapshot.data_until_us + DAY_US
    context = build_context(snapshot.vocabulary, snapshot.memory, now_us=now_us, history=history)
    return Asked(history, now_us, history.past.item_ids[0], context, snapshot, _placement("home"))


def import_seconds() -> float:
    """Return how long a fresh interpreter takes to import what answers a request: the median of three."""
    program = (
        "import time; t = time.perf_counter(); import models.recommend, models.sources; print(time.perf_counter() - t)"
    )
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True) for _ in range(3)]
    return round(statistics.median(float(run.stdout) for run in runs), 3)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    options = _options(arguments)
    began = perf_counter()
    if options.bundle:
        snapshot = open_bundle(options.bundle, verify=False).snapshot
    else:
        snapshot = learn(made_up_shop(options.items, options.items // 6, seed=1)).snapshot
    pin_to_one_core()
    with threadpool_limits(1):
        asked = [asked_by(snapshot, seed).calls() for seed in range(1, options.shoppers + 1)]
        chance = np.random.default_rng(1)
        matrix, vector = chance.random((25_000, 64), dtype=np.float32), chance.random(64, dtype=np.float32)
        calls: dict[str, list[Callable[[], object]]] = {REFERENCE: [lambda: matrix @ vector] * options.shoppers}
        calls |= {name: [one[name] for one in asked] for name in asked[0]}
        timings = time_in_rounds(calls, N_ROUNDS)
    facts = {
        "question": "what does an answer cost inside models/?",
        "shop": str(options.bundle or "made up"),
        "items": len(snapshot.catalogue),
        "sources": list(snapshot.sources),
        "shoppers": options.shoppers,
        "past_items": N_PAST,
        "recent_events": N_RECENT,
        "import_seconds": import_seconds(),
        "seconds": round(perf_counter() - began, 1),
    }
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n")
    print(as_table(timings))
    if options.json:
        write_json(options.json, facts, timings)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, metavar="VERSION_FOLDER", help="measure this bundle")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    parser.add_argument("--items", type=int, default=25_000, help="items of the made-up shop")
    parser.add_argument("--shoppers", type=int, default=200, help="different shoppers; each asks once a round")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
