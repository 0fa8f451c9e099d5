"""Checksums once per host: whoever compared them leaves a stamp, and the other processes believe it."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from store.bundles.manifest import MANIFEST, Manifest, read_manifest, verify_files
from store.bundles.read import Bundle, open_bundle
from store.files import replaced_whole


def open_verified(folder: Path, stamps: Path) -> Bundle:
    """Open a bundle whose checksums were compared on this host since its files were last touched, by us or before.

    stamps: a folder of this host, which only those may write who may write bundles too; where it cannot be written,
    checksums are compared each time. Of several processes one compares, and the others wait. Raises BundleError.
    """
    manifest = read_manifest(folder)
    with _alone(stamps):
        _verify_once(folder, manifest, stamps)
    return open_bundle(folder, verify=False)


def _verify_once(folder: Path, manifest: Manifest, stamps: Path) -> None:
    stamp = stamps / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.json"
    # Looked up before the files are read: one that is touched meanwhile is read again next time.
    found = _identity(folder, manifest)
    if _read(stamp) == found:
        return
    verify_files(folder, manifest)
    with suppress(OSError):
        with replaced_whole(stamp) as partial:
            partial.write_text(json.dumps(found))
        _forget_deleted(stamps)


def _identity(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Return what tells whether a file was touched. A change time cannot be set back, as a modification time can."""
    files = {}
    for name in (MANIFEST, *manifest.files):
        path = folder / name
        status = path.stat() if path.exists() else None
        files[name] = status and [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]
    return {
        "folder": str(folder.resolve()),
        "manifest_sha256": hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        "n_files": sum(path.is_file() for path in folder.rglob("*")),
        "files": files,
    }


def _read(stamp: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(stamp.read_bytes())
    except (OSError, ValueError):
        return None


def _forget_deleted(stamps: Path) -> None:
    """Remove the stamps of bundles that are there no longer."""
    for stamp in stamps.glob("*.json"):
        known = _read(stamp)
        if not isinstance(known, dict) or not Path(str(known.get("folder"))).is_dir():
            stamp.unlink(missing_ok=True)


@contextmanager
def _alone(stamps: Path) -> Iterator[None]:
    """Let the other processes of this host wait; what a process held ends with it."""
    with ExitStack() as stack:
        with suppress(OSError):
            stamps.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = stack.enter_context((stamps / ".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
