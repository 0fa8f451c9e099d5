"""Fits of the blend and the trees without something, on questions and candidates that were gathered once."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import Int32
from models.candidates import Candidates
from models.features import Features
from models.learned import look_at_best
from models.placement import Placement, Task, source_of, view_of
from models.topk import best_first
from training.blend import fit_blend
from training.config import Recipe
from training.evaluate.asked import Asked, Stage
from training.examples import Answered, answered, examples_of
from training.fitting import FittedSources, fit_sources
from training.progress import Steps
from training.rank.examples import Lesson, rank_examples
from training.rank.trees import Binned, fit_trees

K: Final = 20
"""Length of the lists."""
SHORT_MEMORY: Final = "short memory (columns @recent, @last)"
GROUPS: Final[Mapping[str, str]] = {
    "features: scores of sources": r"score of ",
    "features: ranks in sources": r"rank in (?!blend)",
    "features: the blend, and how many propose": r"blend|rank in blend|proposed by",
    "features: popularity, trend, age": r"shoppers |trend |days since the first",
    "features: repeats and gaps of the item": r"usual gap|.*again",
    "features: what the shopper did with the item": r"own ",
    "features: affinity to category and brand": r"share of |recent share of |asked about .",
    "features: price": r"price",
    "features: the shopper, the length of the session": r"shopper |asked about$",
}
"""Name -> which features it takes away, as a pattern of the beginning of their names."""


@dataclass(frozen=True)
class Half:
    """The questions of one stage, with all that the sources propose."""

    sources: FittedSources
    asked: Asked
    found: Sequence[Answered]

    @classmethod
    def of(cls, stage: Stage, placement: Placement, recipe: Recipe, at_most: int, steps: Steps) -> "Half":
        """Ask questions of a stage, drawn by seed."""
        sources = fit_sources(stage.past, recipe, steps)
        snapshot = sources.snapshot({})
        asked = stage.asked(placement, snapshot)
        n = len(asked.questions)
        drawn = np.sort(np.random.default_rng(recipe.seed).choice(n, min(n, at_most), replace=False))
        asked = replace(
            asked,
            questions=[asked.questions[place] for place in drawn.tolist()],
            targets=asked.targets.take(drawn),
            shoppers=asked.shoppers[drawn],
        )
        return cls(sources, asked, list(answered(placement, snapshot, stage.past, asked, n, recipe.seed)))

    def without(self, columns: frozenset[str]) -> "Half":
        """Return the same without some columns of candidates."""
        return replace(self, found=[_without(one, columns) for one in self.found])


def _without(one: Answered, columns: frozenset[str]) -> Answered:
    """Leave columns out, and the candidates that only they propose."""
    all_of = one.candidates
    kept = np.array([name not in columns for name in all_of.sources], dtype=np.bool_)
    rows = all_of.proposed[:, kept].any(axis=1)
    names = tuple(name for name in all_of.sources if name not in columns)
    left = Candidates(all_of.rows[rows], all_of.scores[rows][:, kept], all_of.proposed[rows][:, kept], names)
    return Answered(one.context, left, one.labels[rows], one.values[rows])


@dataclass(frozen=True)
class Ablation:
    """What is left out of what."""

    learning: Half
    testing: Half
    task: Task
    recipe: Recipe

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of candidates that any source answers."""
        return self.learning.found[0].candidates.sources

    def variants(self) -> Iterator[tuple[str, frozenset[str], str]]:
        """Give what is left out: a name, columns of candidates, and a pattern of features."""
        for source in dict.fromkeys(source_of(column) for column in self.columns):
            yield source, frozenset(column for column in self.columns if source_of(column) == source), ""
        if short := frozenset(column for column in self.columns if view_of(column) in ("recent", "last")):
            yield SHORT_MEMORY, short, ""
        for name, pattern in GROUPS.items():
            yield name, frozenset(), pattern

    def lists(self, columns: frozenset[str] = frozenset(), features: str = "") -> tuple[Int32, Int32] | None:
        """Fit without some columns and features; return the lists of trees and blend, each shape (q, K).

        None if no feature is left out though some were to be.
        """
        learning, testing = self.learning.without(columns), self.testing.without(columns)
        blend = fit_blend(examples_of(learning.found), self.task, self.recipe.blend).blend
        taught, asked = (self._features(half) for half in (learning, testing))
        if taught.names != asked.names:
            sys.exit("what is known of items differs between the stages; give more data")
        gone = [bool(features and re.match(features, name)) for name in taught.names]
        if features and not any(gone):
            return None
        settings = self.recipe.ranker
        lesson = Lesson(learning.found, len(learning.found), taught)
        examples = rank_examples([lesson], blend, settings, self.recipe.seed)
        examples.features[:, gone] = np.nan
        trees = fit_trees(Binned.of(examples, settings, self.recipe.seed), settings, self.recipe.seed)
        by_trees = np.full((len(testing.found), K), -1, dtype=np.int32)
        by_blend = by_trees.copy()
        for number, one in enumerate(testing.found):
            scores = blend.weigh(one.context, one.candidates).scores
            best, looked_at = look_at_best(asked, one.context, one.candidates, scores, settings.n_best)
            rows = one.candidates.rows[best]
            by_blend[number, : len(rows[:K])] = rows[:K]
            looked_at[:, gone] = np.nan
            ordered = rows[best_first(trees(looked_at), rows, K)] if len(rows) else rows
            by_trees[number, : len(ordered)] = ordered
        return by_trees, by_blend

    def _features(self, half: Half) -> Features:
        columns = half.found[0].candidates.sources
        return Features(columns, half.sources.facts, of_shopper=self.task != "similar")
