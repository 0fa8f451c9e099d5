"""Which bundles there are and which one is the champion: one small file, switched by one rename."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import BundleError, BusyError, StoreError
from store.bundles.manifest import MANIFEST, Manifest, read_manifest, verify_files
from store.bundles.read import Bundle, open_bundle
from store.bundles.write import sync_folder

_POINTER = "champion.json"
_KEPT_DECISIONS = 1_000


class Decision(BaseModel):
    """Why a bundle became the champion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    action: str
    """publish, promote or rollback."""
    version: str
    reason: str = ""
    """Given by the person who forced it."""


class Pointer(BaseModel):
    """The content of champion.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    champion: str
    rollback: str | None = None
    """What was the champion before."""
    decisions: tuple[Decision, ...] = ()
    """The newest last."""


@dataclass(frozen=True)
class PublishedBundles:
    """The folder that holds all bundles."""

    root: Path

    def pointer(self) -> Pointer | None:
        """Return who is the champion; None when nothing was published. Raises BundleError on a damaged file."""
        path = self.root / _POINTER
        try:
            return Pointer.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise BundleError(f"{path} cannot be read; run `endcap models promote VERSION` to write it anew") from error

    def versions(self) -> list[str]:
        """Return the versions of all complete bundles, oldest first."""
        if not self.root.is_dir():
            return []
        found = [path.name for path in self.root.iterdir() if (path / MANIFEST).is_file()]
        return sorted(name for name in found if not name.startswith("."))

    def manifest(self, version: str) -> Manifest:
        """Return one bundle's manifest. Raises BundleError."""
        return read_manifest(self.folder(version))

    def folder(self, version: str) -> Path:
        """Return the folder of a bundle. Raises BundleError for a version that is not there."""
        if version not in self.versions():
            raise BundleError(f"there is no bundle {version!r} in {self.root}; see `endcap models list`")
        return self.root / version

    def champion(self, *, verify: bool = True) -> Bundle:
        """Open the champion. Raises BundleError when there is none."""
        pointer = self.pointer()
        if pointer is None:
            raise BundleError(f"no bundle is published in {self.root}; run `endcap train`")
        return open_bundle(self.folder(pointer.champion), verify=verify)

    def promote(self, version: str, *, at: str, action: str = "promote", reason: str = "") -> Pointer:
        """Make a bundle the champion after verifying its files; the old one becomes the rollback."""
        folder = self.folder(version)
        verify_files(folder, read_manifest(folder))
        with self.lock("publish"):
            try:
                old = self.pointer()
            except BundleError:
                old = None
            decisions = (
                *(old.decisions if old else ()),
                Decision(at=at, action=action, version=version, reason=reason),
            )
            rollback = old.champion if old and old.champion != version else (old.rollback if old else None)
            pointer = Pointer(champion=version, rollback=rollback, decisions=decisions[-_KEPT_DECISIONS:])
            self._write(pointer)
        return pointer

    def rollback(self, *, at: str, reason: str = "") -> Pointer:
        """Make the champion before this one the champion again. Raises BundleError when there was none."""
        pointer = self.pointer()
        if pointer is None or pointer.rollback is None:
            raise BundleError("there is nothing to roll back to; see `endcap models list` and promote one")
        return self.promote(pointer.rollback, at=at, action="rollback", reason=reason)

    def prune(self, keep: int) -> list[str]:
        """Delete all but the newest `keep` bundles, never the champion or its rollback; return what was deleted."""
        with self.lock("publish"):
            pointer = self.pointer()
            held = {pointer.champion, pointer.rollback} if pointer else set()
            old = [version for version in self.versions()[: -keep or None] if version not in held]
            for version in old:
                # Out of sight in one step, so that nobody opens a bundle that is half deleted.
                away = self.root / f".deleting-{version}"
                (self.root / version).rename(away)
                shutil.rmtree(away)
        return old

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a lock that ends with the process. Raises BusyError naming who holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f".{name}.lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise BusyError(f"process {holder} holds the {name} lock of {self.root}; wait for it to end") from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _write(self, pointer: Pointer) -> None:
        path, writing = self.root / _POINTER, self.root / f".{_POINTER}.{os.getpid()}"
        try:
            with writing.open("w") as file:
                json.dump(pointer.model_dump(), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            writing.replace(path)
            sync_folder(self.root)
        except OSError as error:
            writing.unlink(missing_ok=True)
            raise StoreError(f"cannot write {path}: {error.strerror}; the champion is unchanged") from error
