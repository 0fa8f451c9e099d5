"""What every check is: thresholds with a name, and one look at the evidence."""

import re
from abc import abstractmethod

from pydantic import BaseModel, ConfigDict

from training.checks.evidence import Evidence
from training.checks.finding import Finding


class Check(BaseModel):
    """A check; its fields are its thresholds, which the configuration may set. They change findings, never a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def name(self) -> str:
        """The class's name in the words of the configuration: UnknownItems is unknown_items."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @abstractmethod
    def look(self, evidence: Evidence) -> Finding:
        """Say what the evidence shows. Must answer for empty frames too."""

    def passes(self, counts: dict[str, float], what: str) -> Finding:
        """Return the finding that all is well."""
        return Finding(self.name, "PASS", counts, what)

    def warns(self, counts: dict[str, float], what: str, to_do: str) -> Finding:
        """Return the finding that somebody should look at this, while training goes on."""
        return Finding(self.name, "WARN", counts, what, to_do)

    def fails(self, counts: dict[str, float], what: str, to_do: str) -> Finding:
        """Return the finding that stops a training."""
        return Finding(self.name, "FAIL", counts, what, to_do)


def share(part: float, whole: float) -> float:
    """Return part / whole, and 0 of nothing."""
    return part / whole if whole else 0.0


def shown(item_or_shopper: str) -> str:
    """Return an id as a message shows it: quoted, and no longer than 80 characters."""
    return repr(item_or_shopper if len(item_or_shopper) <= 80 else item_or_shopper[:79] + "…")  # noqa: PLR2004
