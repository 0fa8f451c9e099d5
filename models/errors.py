"""The error tree. The domain knows no HTTP: the edges (cli/, service/) turn these into exit codes and replies.

RecommenderError
├── ConfigurationError      a setting, a placement or a training file says something that cannot be
├── InputError              a file, a row or an argument from outside is not what it should be
│   └── UnknownItemError    an item id that neither the bundle nor the catalogue has
├── StoreError              something kept outside could not be read or written
│   ├── DatabaseError       the database is away, locked, read-only, or of another schema
│   └── BundleError         a bundle is truncated, tampered with, from the future or inconsistent
├── TrainingError           there is too little to learn from, or a step learned nothing
│   ├── LearnedNothingError one source learned nothing; the others may have
│   ├── CheckFailedError    a data check says FAIL
│   └── GateRefusedError    the new bundle is not good enough to publish
└── BusyError               another process does what only one may do at a time
"""


class RecommenderError(Exception):
    """The root: whatever Endcap refuses, with what, which and what to do next in its message."""


class ConfigurationError(RecommenderError):
    """A setting, a placement or a training file says something that cannot be."""


class InputError(RecommenderError):
    """A file, a row or an argument from outside is not what it should be."""


class UnknownItemError(InputError):
    """An item id that neither the bundle nor the catalogue has reached code that needs a row."""

    def __init__(self, item_id: str, where: str) -> None:
        super().__init__(f"item {item_id[:80]!r} is not in {where}; import it with `endcap import items`, or drop it")


class StoreError(RecommenderError):
    """Something kept outside could not be read or written."""


class DatabaseError(StoreError):
    """The database is away, locked, read-only, or of another schema."""


class BundleError(StoreError):
    """A bundle is truncated, tampered with, from the future or inconsistent."""


class TrainingError(RecommenderError):
    """There is too little to learn from, or a step learned nothing."""


class LearnedNothingError(TrainingError):
    """One source found nothing to learn in this data; training goes on without it and says so."""

    def __init__(self, source: str, why: str, what_to_do: str) -> None:
        super().__init__(f"{source} learned nothing: {why}; {what_to_do}, or leave {source} out of the training file")


class CheckFailedError(TrainingError):
    """A data check says FAIL."""


class GateRefusedError(TrainingError):
    """The new bundle is not good enough to publish."""


class BusyError(RecommenderError):
    """Another process does what only one may do at a time."""
