"""A bundle as one file, for USB sticks and uploads: an uncompressed ZIP of the bundle's folder.

Unpacking trusts nothing: only the names a bundle can have, declared sizes first, streamed, counted, hashed,
synced, renamed. There is no `extractall`, and nothing is written outside the given folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from edge_agent.contracts.bundle import MANIFEST, MAX_MANIFEST_BYTES, Blob, BundleFolder, Manifest, parse_manifest
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected

SUFFIX = ".lineside"
_NAME = re.compile(r"^blobs/sha256/[0-9a-f]{64}$")
_PIECE = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack_archive(bundle: BundleFolder, target: Path) -> None:
    """Write the bundle as one file whose bytes depend on the bundle alone."""
    manifest = bundle.open()
    partial = target.with_name(target.name + ".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(MANIFEST), bundle.manifest_bytes())
        for blob in sorted(manifest.blobs(), key=lambda b: b.digest):
            with bundle.path(blob).open("rb") as source, archive.open(_entry(blob.path), "w") as sink:
                shutil.copyfileobj(source, sink, _PIECE)
    sync(partial)
    os.replace(partial, target)


def unpack_archive(source: Path, folder: Path, trusted: Callable[[bytes], None] | None = None) -> BundleFolder:
    """Unpack into `folder/<bundle id>` and return it; nothing remains of a bundle that is refused.

    `trusted` sees the manifest bytes before they are parsed and raises Rejected if their signature does not hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(source) as archive:
            return _unpack(archive, folder, trusted)
    except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, NotImplementedError) as error:
        raise Rejected(f"{source}: not a whole bundle archive ({error})") from error


def _unpack(archive: zipfile.ZipFile, folder: Path, trusted: Callable[[bytes], None] | None) -> BundleFolder:
    entries = _entries(archive)
    with archive.open(entries[MANIFEST]) as file:
        data = file.read(MAX_MANIFEST_BYTES + 1)
    if trusted is not None:
        trusted(data)
    manifest = parse_manifest(data)
    _check_names(entries, manifest)
    temporary = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder))
    try:
        for blob in manifest.blobs():
            with archive.open(entries[blob.path]) as stream:
                write_blob(stream, blob, temporary)
        (temporary / MANIFEST).write_bytes(data)
        sync(temporary / MANIFEST)
        return BundleFolder(_publish(temporary, folder / digest_bytes(data)))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
        if is_link or info.filename in entries or not (info.filename == MANIFEST or _NAME.match(info.filename)):
            raise Rejected(f"archive entry {info.filename[:120]!r} does not belong in a bundle; nothing was unpacked")
        entries[info.filename] = info
    if MANIFEST not in entries:
        raise Rejected(f"the archive has no {MANIFEST}; it is no bundle")
    return entries


def _check_names(entries: dict[str, zipfile.ZipInfo], manifest: Manifest) -> None:
    declared = {blob.path for blob in manifest.blobs()}
    found = set(entries) - {MANIFEST}
    if declared != found:
        raise Rejected(
            f"the archive lacks {len(declared - found)} blobs and has {len(found - declared)} undeclared ones"
        )


def write_blob(stream: IO[bytes], blob: Blob, folder: Path) -> Path:
    """Write a blob from a stream below `folder`, stopping at its declared size.

    Raises Rejected where size or hash differ; then nothing is left of it.
    """
    target = folder / blob.path
    target.parent.mkdir(parents=True, exist_ok=True)
    sha, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        while piece := stream.read(min(_PIECE, blob.size - size + 1)):
            size += len(piece)
            if size > blob.size:
                break
            sha.update(piece)
            file.write(piece)
    if size != blob.size or sha.hexdigest() != blob.digest:
        target.unlink()
        raise Rejected(f"blob {blob.digest[:12]}: not the declared {blob.size} bytes with that hash; fetch it again")
    sync(target)
    return target


def sync(path: Path) -> None:
    """Force a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _publish(temporary: Path, final: Path) -> Path:
    if not final.exists():
        os.rename(temporary, final)
        sync(final.parent)
    return final


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    return info
