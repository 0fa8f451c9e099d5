"""The protocols by name: what `endcap evaluate --protocol` takes."""

from collections.abc import Mapping
from typing import Final, Protocol

from models.placement import Placement, Task
from models.snapshot import Snapshot
from training.evaluate.basket import basket
from training.evaluate.held_out import Split
from training.evaluate.table import Options, Table
from training.evaluate.temporal import temporal


class Evaluate(Protocol):
    """Measures a snapshot that was fitted on `split.past`. Raises InputError if there is nothing to measure it on."""

    def __call__(
        self, snapshot: Snapshot, split: Split, placements: Mapping[Task, Placement], options: Options
    ) -> Table: ...


PROTOCOLS: Final[Mapping[str, Evaluate]] = {"temporal": temporal, "basket": basket}
"""In the order in which they run."""
