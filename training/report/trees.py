"""What the trees behind a learned ranker say: how much each feature gained, and what it adds to one candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import Float32, Float64, Int32
from models.candidates import gather
from models.context import Context
from models.learned import LearnedRanker, log_odds_of
from models.placement import Placement
from models.rules import eligible
from models.snapshot import Snapshot
from models.topk import best_first


@dataclass(frozen=True)
class Trees:
    """LightGBM trees, read from their text. What serves is distilled from them and ranks nearly alike."""

    booster: Any
    names: Sequence[str]
    """Of the features, by column."""

    @classmethod
    def of(cls, text: str, names: Sequence[str]) -> "Trees":
        """Read the text of a LightGBM model over named features; LightGBM's own names have no blanks."""
        # Two seconds that a report without trees need not take.
        import lightgbm  # noqa: PLC0415

        return cls(lightgbm.Booster(model_str=text), names)

    def gains(self) -> dict[str, float]:
        """Return each feature's share of what all splits gained."""
        found = self.booster.feature_importance("gain")
        return dict(zip(self.names, (found / max(found.sum(), 1e-9)).tolist(), strict=True))

    def added(self, features: Float32) -> Float64:
        """Return what each feature adds to each candidate's score, shape (c, f): Lundberg & Lee, NeurIPS 2017."""
        found: Float64 = np.asarray(self.booster.predict(features, pred_contrib=True))[:, :-1]
        return found


def features_of(rows: Int32, context: Context, snapshot: Snapshot, placement: Placement) -> Float32 | None:
    """Return the features of listed rows, shape (m, f), as the ranker saw them: NaN for one that it did not look at.

    None where the placement's ranker looks at no features.
    """
    ranker = snapshot.ranker_of(placement)
    if not isinstance(ranker, LearnedRanker):
        return None
    candidates = gather(context, snapshot.sources, placement, eligible(context, snapshot.catalogue, placement))
    scores = ranker.blend.weigh(context, candidates).scores
    best = best_first(scores, candidates.rows, ranker.n_best)
    features = ranker.features.of(context, candidates.where(best), log_odds_of(scores[best]))
    found = np.full((len(rows), features.shape[1]), np.nan, dtype=np.float32)
    listed, places = np.nonzero(rows[:, None] == candidates.rows[best])
    found[listed] = features[places]
    return found
