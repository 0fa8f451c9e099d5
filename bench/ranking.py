"""What the learned ranker adds to an answer, beside LightGBM's own predict on the same features.

    python -m bench.ranking [--json PATH]

One core, one thread; the made-up shop of bench.recommend (25,000 items; 300 items in the past of a shopper and 30
events since). The ranker learns from labels of chance: what it says is worth nothing, and what it costs is the same. It
looks at 200 candidates a request here, twice as many as it does by default. The reference is LightGBM's predict of the
trees that the network was distilled from.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from bench.recommend import Asked, asked_by, learn
from bench.rounds import REFERENCE, as_table, pin_to_one_core, time_in_rounds, write_json
from bench.shop import made_up_shop
from models.arrays import Float32
from models.candidates import Candidates, gather
from models.context import Context
from models.features import Features
from models.learned import LearnedRanker, log_odds_of
from models.rank import Blend
from models.rules import eligible
from models.snapshot import Snapshot
from models.topk import best_first
from training.facts import facts_of
from training.rank.distil import distil
from training.rank.examples import RankExamples
from training.rank.trees import Binned, Trees, fit_trees
from training.ranker_settings import RankerSettings

N_CANDIDATES: Final = 200
N_ROUNDS: Final = 5
_RIGHT: Final = 0.02


@dataclass(frozen=True)
class Ranked:
    """One request as far as its features."""

    context: Context
    found: Candidates
    best: Candidates
    log_odds: Float32
    features: Float32


def ranked(asked: Asked, blend: Blend, features: Features) -> Ranked:
    """Do what comes before the ranker's own part."""
    context, snapshot = asked.context, asked.snapshot
    mask = eligible(context, snapshot.catalogue, asked.placement)
    found = gather(context, snapshot.sources, asked.placement, mask)
    scores = blend.weigh(context, found).scores
    places = best_first(scores, found.rows, N_CANDIDATES)
    best, log_odds = found.where(places), log_odds_of(scores[places])
    return Ranked(context, found, best, log_odds, features.of(context, best, log_odds))


def fit_on_chance(requests: list[Ranked], blend: Blend, features: Features) -> tuple[Trees, LearnedRanker]:
    """Fit a ranker on labels that mean nothing."""
    block = np.concatenate([one.features for one in requests])
    labels = np.random.default_rng(1).random(len(block)) < _RIGHT
    requests_of = np.repeat(np.arange(len(requests), dtype=np.int32), [len(one.features) for one in requests])
    examples = RankExamples(features.names, block, labels, np.ones(len(block), dtype=np.float32), requests_of)
    settings = RankerSettings(min_examples=20)
    trees = fit_trees(Binned.of(examples, settings, 1), settings, 1)
    network = distil(examples, trees(block), settings, seed=1)
    return trees, LearnedRanker(blend, features, network, N_CANDIDATES)


def calls_of(
    asked: Asked, one: Ranked, fitted: tuple[Trees, LearnedRanker], snapshot: Snapshot
) -> dict[str, Callable[[], object]]:
    """Return each stage as a call, with what comes before it already done."""
    (trees, ranker), placement = fitted, asked.placement
    mask = eligible(one.context, snapshot.catalogue, placement)

    # What a context works out once and keeps is part of every request's cost.
    fresh = one.context.fresh

    def whole() -> object:
        context = fresh()
        found = gather(context, snapshot.sources, placement, mask)
        return best_first(ranker.weigh(context, found).scores, found.rows, placement.n)

    return {
        REFERENCE: lambda: trees(one.features),
        "candidates": lambda: gather(fresh(), snapshot.sources, placement, mask),
        "blend": lambda: ranker.blend.weigh(fresh(), one.found),
        "features": lambda: ranker.features.of(fresh(), one.best, one.log_odds),
        "network": lambda: ranker.form(one.features),
        "candidates to ranking": whole,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    options = _options(arguments)
    began = perf_counter()
    shop = learn(made_up_shop(options.items, options.items // 6, seed=1))
    features = Features(tuple(asked_by(shop.snapshot, 1).placement.sources), facts_of(shop.data))
    pin_to_one_core()
    with threadpool_limits(1):
        asked = [asked_by(shop.snapshot, seed) for seed in range(1, options.shoppers + 1)]
        requests = [ranked(one, shop.blend, features) for one in asked]
        fitted = fit_on_chance(requests, shop.blend, features)
        several = [calls_of(*both, fitted, shop.snapshot) for both in zip(asked, requests, strict=True)]
        timings = time_in_rounds({name: [one[name] for one in several] for name in several[0]}, N_ROUNDS)
    facts = {
        "question": "what does the learned ranker add to an answer?",
        "items": len(shop.snapshot.catalogue),
        "candidates": N_CANDIDATES,
        "gathered": int(np.median([len(one.found) for one in requests])),
        "features": len(features.names),
        "trees": fitted[0].booster.num_trees(),
        "seconds": round(perf_counter() - began, 1),
    }
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n")
    print(as_table(timings))
    if options.json:
        write_json(options.json, facts, timings)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too")
    parser.add_argument("--items", type=int, default=25_000, help="items of the made-up shop")
    parser.add_argument("--shoppers", type=int, default=200, help="different shoppers; each asks once a round")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
