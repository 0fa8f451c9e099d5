"""The learned ranker: the blend chooses the best candidates, and a model that looks at many features orders them."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from models.arrays import Float32, Int64
from models.candidates import Candidates
from models.context import Context
from models.facts import Facts
from models.features import Features
from models.rank import Blend, Weighed, probability_of
from models.topk import best_first

_LEAST, _MOST = np.float32(-40), np.float32(15)
"""Log-odds within which single precision tells probabilities apart."""


class Form(Protocol):
    """What orders candidates by their features, in the form that serves."""

    def __call__(self, features: Float32) -> Float32:
        """Return a score of each row of features, shape (c, f) -> (c,); higher is better."""
        ...


@dataclass(frozen=True)
class LearnedRanker:
    """A cascade (Wang, Lin & Metzler, SIGIR 2011): cheap for all candidates, dear for those that may be shown."""

    blend: Blend
    features: Features
    form: Form
    n_best: int
    """Candidates that the form looks at; the others follow in the blend's order."""
    slope: float = 1.0
    bias: float = 0.0
    """From the form's score to log-odds of success."""

    def over(self, facts: Facts) -> "LearnedRanker":
        """Return the same over newer facts. Raises ValueError if it learned from other features than they give."""
        features = replace(self.features, facts=facts)
        if features.names != self.features.names:
            others = sorted(set(features.names) ^ set(self.features.names))
            raise ValueError(f"the ranker learned from other features than these facts give: {', '.join(others)}")
        return replace(self, features=features)

    def probabilities(self, features: Float32) -> Float32:
        """Return the probability of success of each row of features, shape (c, f) -> (c,)."""
        log_odds = np.clip(self.slope * self.form(features) + self.bias, _LEAST, _MOST)
        return probability_of(log_odds).astype(np.float32)

    def weigh(self, context: Context, candidates: Candidates) -> Weighed:
        """Return probabilities of success, and what the sources add to the blend's log-odds.

        A shopper of whom nothing is known is ranked by the blend, where rankings learned from those who are known.
        """
        weighed = self.blend.weigh(context, candidates)
        if not len(candidates) or (self.features.of_shopper and context.is_cold):
            return weighed
        best, features = look_at_best(self.features, context, candidates, weighed.scores, self.n_best)
        ordered = self.probabilities(features)
        # Below the last of the best, and among themselves as before.
        scores = weighed.scores * ordered.min()
        scores[best] = ordered
        return Weighed(scores, weighed.shares)


def look_at_best(
    features: Features, context: Context, candidates: Candidates, by_blend: Float32, n_best: int
) -> tuple[Int64, Float32]:
    """Return the places of the blend's best candidates, best first, and their features, shape (<= n_best, f).

    by_blend: shape (c,), the blend's probabilities. Whoever teaches a ranker shows it what it will be shown: by this.
    """
    best = best_first(by_blend, candidates.rows, n_best)
    return best, features.of(context, candidates.where(best), log_odds_of(by_blend[best]))


def log_odds_of(probabilities: Float32) -> Float32:
    """Return log(p / (1 - p)) of probabilities, kept finite."""
    inside = np.clip(probabilities, np.float32(1e-12), np.float32(1 - 1e-6))
    log_odds: Float32 = np.log(inside) - np.log1p(-inside)
    return log_odds
