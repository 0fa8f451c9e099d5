"""One bundle + one catalogue view: everything a request reads, immutable, swapped whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from models.catalogue import Catalogue
from models.errors import ConfigurationError
from models.history import Memory
from models.learned import LearnedRanker
from models.placement import Placement, Task, source_of
from models.rank import OwnScore, Ranker
from models.ready import ReadyRankings
from models.sources.als_cold import AlsCold
from models.sources.base import Source
from models.sources.content import Content
from models.vocabulary import Vocabulary
from models.words import Description


@dataclass(frozen=True)
class Snapshot:
    """What `recommend` answers from."""

    version: str
    """The bundle's."""
    catalogue: Catalogue
    """In snapshot rows: the bundle's items, warm ones first, then what the bundle does not know yet."""
    sources: Mapping[str, Source]
    rankers: Mapping[Task, Ranker]
    """One per task that training fitted one for."""
    memory: Memory
    """How events become weights; the recipe's."""
    data_until_us: int
    """When the training data ends."""
    ready: Mapping[str, ReadyRankings] = field(default_factory=dict)
    """By placement; what is not here is worked out when it is asked."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Item ids in snapshot rows."""
        return self.catalogue.vocabulary

    def over(self, catalogue: Catalogue, newcomers: Sequence[Description] | None = None) -> "Snapshot":
        """Return this bundle over a newer catalogue, whose rows begin with this one's.

        newcomers: what the catalogue says of each row that follows the bundle's, in row order; without them the sources
        know of those rows what they knew before. Cost: 30 microseconds a newcomer.
        """
        if newcomers is None:
            return replace(self, catalogue=catalogue)
        placing = {
            name: source.covering(newcomers)
            for name, source in self.sources.items()
            if isinstance(source, Content | AlsCold)
        }
        return replace(self, catalogue=catalogue, sources={**self.sources, **placing})

    def ranker_of(self, placement: Placement) -> Ranker:
        """Return what ranks this placement: its task's ranker, or the score of its only source.

        Raises ConfigurationError if the bundle learned no ranker for the task.
        """
        served = [name for name in placement.sources if source_of(name) in self.sources]
        if len(served) <= 1:
            return OwnScore()
        if placement.task not in self.rankers:
            raise ConfigurationError(
                f"bundle {self.version} cannot rank placement {placement.name!r}: it learned nothing for the task "
                f"{placement.task!r}; train again with this placement, or give it one source"
            )
        ranker = self.rankers[placement.task]
        return ranker.blend if placement.ranked_by == "blend" and isinstance(ranker, LearnedRanker) else ranker
