"""What a study remembers: every trial, in one file, and what it was begun with."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from models.errors import ConfigurationError, StoreError
from store.locks import held
from training.read import ShopData

CONFIGURATION: Final = "configuration"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SLICE = 100_000
_STARTUP_TRIALS = 8
"""Trials drawn at random before the sampler believes what it has seen."""
_UNPRUNED_TRIALS = 5


@contextmanager
def opened(folder: Path, name: str, configuration: Mapping[str, str], seed: int) -> Iterator[optuna.Study]:
    """Begin or resume a study; it is nobody else's meanwhile.

    configuration: all that its figures depend on, by a name that a person understands. Raises ConfigurationError if the
    study was begun with another one, BusyError if another process has it, StoreError if its file cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"--study {name[:80]!r} is no name: letters, digits, dots, hyphens, at most 64")
    path = folder / f"{name}.journal"
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder / f".{name}.lock", f"the study {name}"))
            study = _read(path, name, seed)
        except (OSError, ValueError, LookupError, TypeError, AssertionError) as error:  # as foreign lines meet Optuna
            raise StoreError(f"the study {path} cannot be used ({error}); move it away to begin anew") from error
        _refuse_another(study, name, configuration)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            # Whoever ran it is dead: the lock is ours.
            study.tell(trial.number, state=TrialState.FAIL)
        yield study


def digest_of(shop: ShopData) -> str:
    """Return a name of all that a shop's frames hold, in 16 hex digits; the same wherever it is computed."""
    digest = hashlib.blake2b(digest_size=8)
    for frame in (shop.events, shop.items):
        for part in frame.iter_slices(_SLICE):
            digest.update(part.write_ndjson().encode())
    return digest.hexdigest()


def digest_of_json(told: object) -> str:
    """Return a name of something that JSON can say."""
    return hashlib.blake2b(json.dumps(told, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


def _read(path: Path, name: str, seed: int) -> optuna.Study:
    _drop_half_a_line(path)
    # What makes a trial fail is said once, by what catches it; Optuna would print where it happened too.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    is_new = not path.exists() or not path.stat().st_size
    storage = JournalStorage(JournalFileBackend(str(path)))
    if is_new:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    else:
        study = optuna.load_study(storage=storage, study_name=name)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED_TRIALS)
    # A resumed study goes on with other draws than those that it began with.
    n_begun = len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=seed + n_begun, n_startup_trials=_STARTUP_TRIALS)
    return study


def _drop_half_a_line(path: Path) -> None:
    """Drop what a process wrote of a line when it was killed: the journal is not readable with it."""
    if path.exists() and not (text := path.read_bytes()).endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(text.rfind(b"\n") + 1)


def _refuse_another(study: optuna.Study, name: str, configuration: Mapping[str, str]) -> None:
    """Raise ConfigurationError naming what is another than the study was begun with; a new one remembers it."""
    remembered = study.user_attrs.get(CONFIGURATION)
    if remembered is None:
        study.set_user_attr(CONFIGURATION, dict(configuration))
        return
    parts = dict.fromkeys([*remembered, *configuration])
    others = [
        f"{part} (then {remembered.get(part)}, now {configuration.get(part)})"
        for part in parts
        if remembered.get(part) != configuration.get(part)
    ]
    if others:
        raise ConfigurationError(
            f"the study {name} was begun with another {', another '.join(others)}: their figures cannot be compared; "
            "go back to what it was begun with, or begin another study with --study NAME"
        )
