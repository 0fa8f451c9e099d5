"""The knobs of the learned ranker."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.placement import Task

Objective = Literal["purchase", "revenue"]

OTHER_REQUESTS = 2_000


def _max_requests() -> dict[Task, int]:
    return {"personal": 25_000, "new_to_you": 25_000}


class RankerSettings(BaseModel):
    """How the ranker of each task is fitted. All of it changes results."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    objective: Objective = "purchase"
    """What is right: a purchase (or what the protocol asks for), or one in proportion to what was paid for it."""
    horizons: int = Field(default=2, ge=1, le=100)
    """So many horizons what serves has learned from, the newest; what the gate judges has learned from one less, since
    the last is what it is judged on. Each beyond two costs a fit of the sources. ndcg@20 on `new` of Complete Journey,
    in the three windows before the test: .0485, .0442, .0466 with 1, .0502, .0486, .0492 with 2 (2026-11)."""
    min_right: int = Field(default=500, gt=0)
    """Right answers that a task needs to learn a ranker from; with fewer the blend ranks it."""
    max_requests: dict[Task, Annotated[int, Field(ge=100, le=1_000_000)]] = Field(default_factory=_max_requests)
    """By task, the requests that it learns from, drawn by seed, an equal share of each horizon; OTHER_REQUESTS of a
    task that is not named. Its blend learns from no more either. Changes speed and memory too: 30 kB each."""
    n_best: int = Field(default=100, gt=0, le=1_000)
    """Candidates of a request that the ranker looks at, the blend's best. Higher recall, slower ranking."""
    missing_sources: float = Field(default=0.2, ge=0, le=1)
    """Part of the requests that lack a quarter of their columns, so that a placement with fewer is nothing new."""
    trees: int = Field(default=75, gt=0, le=10_000)
    leaves: int = Field(default=31, gt=1, le=512)
    learning_rate: float = Field(default=0.15, gt=0, le=1)
    min_examples: int = Field(default=300, gt=0)
    """Examples of a leaf."""
    l2: float = Field(default=10.0, ge=0)
    """Pull of the leaves towards 0."""
    hidden: tuple[Annotated[int, Field(gt=0, le=4_096)], ...] = (64, 32)
    """Units of the network's hidden layers. Changes speed too."""
    epochs: int = Field(default=10, gt=0, le=10_000)
    """How often the network sees each example, where there are many; few are seen more often."""

    def most_requests(self, task: Task) -> int:
        """Return how many requests of a task it learns from at most."""
        return self.max_requests.get(task, OTHER_REQUESTS)
