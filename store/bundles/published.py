"""Which bundles there are and which one is the champion: one small file, switched by one rename."""

import shutil
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import BundleError, StoreError
from store.bundles.manifest import MANIFEST, Manifest, read_manifest
from store.bundles.read import Bundle, open_bundle
from store.bundles.write import WRITING
from store.files import replaced_whole
from store.locks import held

_POINTER = "champion.json"
_DELETING = ".deleting-"
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


def _touched(path: Path) -> Hashable:
    try:
        status = path.stat()
    except OSError:
        return None
    return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


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
        except OSError as error:
            raise BundleError(
                f"{path} cannot be read: {error.strerror}; check ENDCAP_HOME and ENDCAP_BUNDLES"
            ) from error
        except ValidationError as error:
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

    def readable_manifests(self) -> list[Manifest]:
        """Return the manifests of all bundles that this Endcap can read, oldest first."""
        found = []
        for version in self.versions():
            with suppress(BundleError):
                found.append(self.manifest(version))
        return found

    def folder(self, version: str) -> Path:
        """Return the folder of a bundle. Raises BundleError for a version that is not there."""
        if version not in self.versions():
            raise BundleError(f"there is no bundle {version!r} in {self.root}; see `endcap models list`")
        return self.root / version

    def mark(self, *versions: str) -> tuple[Hashable, ...]:
        """Return what differs once champion.json or a file of these versions is touched: champion.json's part first.

        Cost: one look at champion.json, and one at each file of the versions.
        """
        folders = [self.root / version for version in versions]
        return (_touched(self.root / _POINTER), *(tuple(map(_touched, sorted(one.rglob("*")))) for one in folders))

    def champion(self, *, verify: bool = True) -> Bundle:
        """Open the champion. Raises BundleError when there is none."""
        pointer = self.pointer()
        if pointer is None:
            raise BundleError(f"no bundle is published in {self.root}; run `endcap train`")
        return open_bundle(self.folder(pointer.champion), verify=verify)

    def promote(self, version: str, *, at: str, action: str = "promote", reason: str = "") -> Pointer:
        """Make a bundle the champion once it opens without complaint; the old champion becomes the rollback.

        Raises BundleError and changes nothing when it does not. Waits for whoever else is publishing.
        """
        with self.lock("publish", wait=True):
            open_bundle(self.folder(version))
            try:
                old = self.pointer()
            except BundleError:
                old = None
            decisions = old.decisions if old else ()
            decision = Decision(at=at, action=action, version=version, reason=reason)
            rollback = old.champion if old and old.champion != version else (old.rollback if old else None)
            if rollback not in self.versions():
                rollback = None
            pointer = Pointer(champion=version, rollback=rollback, decisions=(*decisions, decision)[-_KEPT_DECISIONS:])
            self._write(pointer)
        return pointer

    def rollback(self, *, at: str, reason: str = "") -> Pointer:
        """Make the champion before this one the champion again. Raises BundleError when there was none."""
        pointer = self.pointer()
        if pointer is None or pointer.rollback is None:
            raise BundleError("there is nothing to roll back to; see `endcap models list` and promote one")
        return self.promote(pointer.rollback, at=at, action="rollback", reason=reason)

    def prune(self, keep: int) -> list[str]:
        """Delete all but the newest `keep` bundles, never the champion or its rollback; return what was deleted.

        keep: at least 1. Raises BundleError when champion.json is damaged, and StoreError.
        """
        with self.lock("publish", wait=True), self._telling("delete old bundles"):
            pointer = self.pointer()
            held = {pointer.champion, pointer.rollback} if pointer else set()
            old = [version for version in self.versions()[:-keep] if version not in held]
            for version in old:
                # Out of sight in one step, so that nobody opens a bundle that is half deleted.
                (self.root / version).rename(self.root / f"{_DELETING}{version}")
            self._remove(_DELETING)
        return old

    @contextmanager
    def training(self) -> Iterator[None]:
        """Be the only one who trains into this folder. Raises BusyError naming who does.

        What a killed training left half-written is removed: whoever holds the lock knows that nobody writes.
        """
        with self.lock("training"):
            with self._telling("remove what a killed training left"):
                self._remove(WRITING)
            yield

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[None]:
        """Hold a lock that ends with the process. Raises StoreError, and without `wait` BusyError naming who has it."""
        with ExitStack() as stack:
            with self._telling(f"take the {name} lock"):
                lock = held(self.root / f".{name}.lock", f"the {name} lock of {self.root}", wait=wait)
                stack.enter_context(lock)
            yield

    def _remove(self, prefix: str) -> None:
        for path in self.root.glob(f"{prefix}*"):
            shutil.rmtree(path)

    def _write(self, pointer: Pointer) -> None:
        path = self.root / _POINTER
        with self._telling(f"write {path}; the champion is unchanged"), replaced_whole(path, mode=0o666) as partial:
            partial.write_bytes(pointer.model_dump_json(indent=1).encode())

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Turn what the disk refuses into a StoreError."""
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot {what}: {error.strerror or error}; check the room on the disk of {self.root} and its owner"
            ) from error
