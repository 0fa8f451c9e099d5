"""What the trees behind a learned ranker say; what serves is distilled from them, and ranks nearly as they do."""

import numpy as np

from models.arrays import Float32, Float64, Int32
from models.candidates import gather
from models.context import Context
from models.learned import LearnedRanker, look_at_best
from models.placement import Placement
from models.rules import eligible
from models.snapshot import Snapshot
from training.rank.trees import Trees


def shares_of_gain(trees: Trees) -> dict[str, float]:
    """Return each feature's share of what all splits gained."""
    total = sum(trees.gains.values())
    return {name: gain / total for name, gain in trees.gains.items()} if total > 0 else {}


def added_by_feature(trees: Trees, features: Float32) -> Float64:
    """Return what each feature adds to the log-odds of each candidate, shape (c, f).

    Lundberg & Lee, NeurIPS 2017, for trees; the rest of a score is the same for all candidates.
    """
    found: Float64 = np.asarray(trees.booster.predict(features, pred_contrib=True, num_threads=1))
    return found[:, :-1]


def features_of(rows: Int32, context: Context, snapshot: Snapshot, placement: Placement) -> Float32 | None:
    """Return the features of listed rows, shape (m, f), as the ranker saw them: NaN for one that it did not look at.

    None where the placement's ranker looks at no features.
    """
    ranker = snapshot.ranker_of(placement)
    if not isinstance(ranker, LearnedRanker):
        return None
    candidates = gather(context, snapshot.sources, placement, eligible(context, snapshot.catalogue, placement))
    scores = ranker.blend.weigh(context, candidates).scores
    best, features = look_at_best(ranker.features, context, candidates, scores, ranker.n_best)
    found = np.full((len(rows), features.shape[1]), np.nan, dtype=np.float32)
    listed, places = np.nonzero(rows[:, None] == candidates.rows[best])
    found[listed] = features[places]
    return found
