"""A bundle's blobs by their hashes, resumable: what arrived before a cut is kept and continued by range.

They are gathered in a folder of their own; only when all are whole does one rename make it an installed bundle.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.archive import sync
from edge_agent.contracts.bundle import MANIFEST, Blob, BundleFolder, Manifest
from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.home import Home
from edge_agent.install.outcomes import Failed, Interrupted
from edge_agent.install.registry import Registry
from edge_agent.install.slots import STAGING, bundle_folder, write_synced

STRIKES = 3
_FULL = (errno.ENOSPC, errno.EDQUOT)


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds the folder."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True)
class Download:
    """How blobs come to this device.

    `siblings` are folders whose bundles may be linked instead of fetched; `reserve` bytes of disk stay free;
    `cancelled` is asked between pieces.
    """

    home: Home
    registry: Registry
    siblings: Iterable[Path] = ()
    reserve: int = 16 << 20
    free: Callable[[Path], int] = free_bytes
    cancelled: Callable[[], bool] = lambda: False

    def stage(self, bundle: str, manifest: bytes) -> None:
        """Put the verified manifest where the blobs will be gathered."""
        with _space():
            folder = self.staging(bundle)
            folder.mkdir(parents=True, exist_ok=True)
            write_synced(folder / MANIFEST, manifest)

    def staging(self, bundle: str) -> Path:
        """Return the folder in which a bundle is gathered."""
        return self.home.bundles / f"{STAGING}{bundle}"

    def staged_manifest(self, bundle: str) -> Manifest:
        """Return the manifest put there by `stage`, or the installed one. Raises Failed where neither is whole."""
        for folder in (self.staging(bundle), self.home.bundle(bundle)):
            with contextlib.suppress(Rejected):
                return BundleFolder(folder).open(bundle)
        raise Failed(f"media: the verified manifest of bundle {bundle[:12]} is no longer on this disk")

    def fetch(self, bundle: str, manifest: Manifest, device_class: str) -> BundleFolder:
        """Bring all blobs that this class of device needs, and return the installed bundle.

        Raises Unavailable when the connection breaks (call again, it goes on where it was), Rejected when the registry
        sends other bytes than were signed, Failed when there is no space, Interrupted when cancelled.
        """
        blobs = list(manifest.blobs_for(device_class))
        staging = BundleFolder(self.staging(bundle))
        installed = bundle_folder(self.home.root, bundle)
        if installed.folder.is_dir() and not installed.problems(iter(blobs)):
            shutil.rmtree(staging.folder, ignore_errors=True)
            return installed
        with _space():
            missing = [blob for blob in blobs if staging.check(blob) and not self._link(blob, staging)]
            self._check_space(missing, staging)
            for blob in missing:
                self._blob(blob, staging.path(blob))
            return self._publish(staging.folder, installed)

    def discard(self, bundle: str, blobs: Iterable[Blob]) -> None:
        """Turn a damaged installed bundle back into a half-downloaded one, without its damaged blobs."""
        folder = self.home.bundle(bundle)
        if folder.is_dir():
            shutil.rmtree(self.staging(bundle), ignore_errors=True)
            os.rename(folder, self.staging(bundle))
        for blob in blobs:
            path = self.staging(bundle) / blob.path
            path.unlink(missing_ok=True)

    def _link(self, blob: Blob, staging: BundleFolder) -> bool:
        target = staging.path(blob)
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.home.bundles, *self.siblings):
            for source in folder.glob(f"[0-9a-f]*/{blob.path}"):
                target.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    os.link(source, target)
                    if staging.check(blob) is None:
                        return True
        target.unlink(missing_ok=True)
        return False

    def _check_space(self, missing: list[Blob], staging: BundleFolder) -> None:
        there = sum(_size(_part(staging.path(blob))) for blob in missing)
        needed = sum(blob.size for blob in missing) - there + self.reserve
        free = self.free(self.home.root)
        if missing and free < needed:
            raise Failed(f"space: {needed} bytes needed, {free} free; free some disk, then offer the release again")

    def _blob(self, blob: Blob, target: Path) -> None:
        part = _part(target)
        for _ in range(STRIKES):
            if _size(part) > blob.size:
                part.unlink()
            if _size(part) < blob.size or not part.exists():
                self._append(blob, part)
            if _size(part) == blob.size and digest_file(part) == blob.digest:
                os.replace(part, target)
                sync(target.parent)
                return
            part.unlink(missing_ok=True)
        raise Rejected(f"blob {blob.digest[:12]}: {STRIKES} times other bytes than the signed {blob.size}")

    def _append(self, blob: Blob, part: Path) -> None:
        with self.registry.open(blob.path, _size(part)) as body, part.open("ab") as file:
            file.truncate(body.offset)
            size = body.offset
            for piece in body.pieces():
                if self.cancelled():
                    raise Interrupted("the download was interrupted")
                file.write(piece[: blob.size + 1 - size])
                size += len(piece)
                if size > blob.size:
                    break
            file.flush()
            os.fsync(file.fileno())
        if size < blob.size:
            raise Unavailable(f"blob {blob.digest[:12]}: the answer ended after {size} of {blob.size} bytes")

    def _publish(self, staging: Path, installed: BundleFolder) -> BundleFolder:
        shutil.rmtree(installed.folder, ignore_errors=True)
        os.rename(staging, installed.folder)
        sync(installed.folder.parent)
        return installed


def verify_on_disk(bundle: BundleFolder, manifest: Manifest, device_class: str) -> list[Blob]:
    """Read every blob back from the medium, not from memory, and return those that are damaged."""
    blobs = list(manifest.blobs_for(device_class))
    for blob in blobs:
        if bundle.path(blob).is_file():
            _forget_pages(bundle.path(blob))
    return [blob for blob in blobs if bundle.check(blob) is not None]


@contextlib.contextmanager
def _space() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Failed(f"space: {error.strerror} while writing; free some disk, then offer it again") from error
        raise


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _forget_pages(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
