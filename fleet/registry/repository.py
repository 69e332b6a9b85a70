"""The registry on disk, as the server serves it: signed documents, manifests as targets, blobs by their hash.

The server holds the online key only. It can say what is newest, never what a model is: targets come signed from
the publisher, and are checked here before they are taken over.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from edge_agent.contracts.archive import sync
from edge_agent.contracts.bundle import MAX_BLOB_BYTES, Manifest, parse_manifest
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.messages import ModelRef
from fleet.registry import documents
from fleet.registry.documents import Root, Snapshot, Targets, Timestamp
from fleet.registry.keys import ONLINE, load_signer


class IncomingBlob:
    """A blob on its way in: written beside its place, hashed, synced, renamed."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._final, self._digest = folder / digest, digest
        self._partial = folder / f".{digest}.{secrets.token_hex(8)}.part"
        self._sha, self._size = hashlib.sha256(), 0

    def __enter__(self) -> IncomingBlob:
        self._file = self._partial.open("wb")
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises Rejected where they become too many."""
        self._size += len(piece)
        if self._size > MAX_BLOB_BYTES:
            raise Rejected(f"blob {self._digest[:12]}: more than {MAX_BLOB_BYTES} bytes")
        self._sha.update(piece)
        self._file.write(piece)

    def finish(self) -> None:
        """Put the blob in its place. Raises Rejected where the bytes are others."""
        found = self._sha.hexdigest()
        if found != self._digest:
            raise Rejected(f"blob {self._digest[:12]}: {self._size} bytes that hash to {found[:12]}; send it again")
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._partial, self._final)
        sync(self._final.parent)


class Repository:
    """One registry folder. All methods may be called from any thread."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder = folder
        self.metadata, self.targets_folder, self.blobs = (
            folder / "metadata",
            folder / "targets",
            folder / "blobs/sha256",
        )
        self._keys = keys
        self._lock = threading.RLock()

    def create(self, root: bytes, targets: bytes, now: datetime) -> None:
        """Lay down the first documents."""
        for folder in (self.metadata, self.targets_folder, self.blobs):
            folder.mkdir(parents=True, exist_ok=True)
        self._write(self.metadata / "1.root.json", root)
        documents.open_signed(Targets, self.root(), targets)
        self._write(self.metadata / "1.targets.json", targets)
        self._sign_snapshot(1, 1, 1, now)

    def root_bytes(self) -> bytes:
        """Return the newest root document."""
        numbers = [int(path.name.split(".")[0]) for path in self.metadata.glob("*.root.json")]
        if not numbers:
            raise ConfigError(f"{self.folder}: no registry; create one with 'fleet init'")
        return (self.metadata / f"{max(numbers)}.root.json").read_bytes()

    def root(self) -> Root:
        """Return the newest root."""
        return documents.open_root(self.root_bytes())

    def timestamp(self) -> Timestamp:
        """Return the current timestamp."""
        return documents.open_signed(Timestamp, self.root(), (self.metadata / "timestamp.json").read_bytes())

    def snapshot(self) -> Snapshot:
        """Return the current snapshot."""
        version = self.timestamp().snapshot_meta.version
        return documents.open_signed(Snapshot, self.root(), (self.metadata / f"{version}.snapshot.json").read_bytes())

    def targets_bytes(self) -> bytes:
        """Return the current targets document."""
        version = self.snapshot().meta["targets.json"].version
        return (self.metadata / f"{version}.targets.json").read_bytes()

    def targets(self) -> Targets:
        """Return the current targets."""
        return documents.open_signed(Targets, self.root(), self.targets_bytes())

    def manifest_path(self, ref: ModelRef) -> Path:
        """Return where the manifest of a release lies."""
        return self.targets_folder / ref.name / str(ref.release) / f"{ref.bundle}.manifest.json"

    def manifest(self, bundle: str) -> bytes:
        """Return the manifest of any release of a bundle. Raises Rejected where there is none."""
        for ref in documents.releases(self.targets()):
            if ref.bundle == bundle:
                return self.manifest_path(ref).read_bytes()
        raise Rejected(f"bundle {bundle[:12]} is not in the registry; publish it first")

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Return those blobs that are not here yet."""
        return [digest for digest in digests if not (self.blobs / digest).is_file()]

    def receive(self, digest: str) -> IncomingBlob:
        """Return a place to write a blob to; nothing remains of one that is not finished."""
        return IncomingBlob(self.blobs, digest)

    def put_blob(self, digest: str, pieces: Iterable[bytes]) -> None:
        """Store a blob under its hash. Raises Rejected, leaving nothing, where the bytes are others."""
        with self.receive(digest) as incoming:
            for piece in pieces:
                incoming.write(piece)
            incoming.finish()

    def accept(self, data: bytes, manifests: dict[str, bytes], now: datetime) -> list[tuple[ModelRef, Manifest]]:
        """Take over a signed targets document with the manifests (by bundle) that are new in it.

        Returns the new releases. Raises Rejected where signatures, order, content or blobs are not as they must be;
        then nothing has changed.
        """
        with self._lock:
            current, offered = self.targets(), documents.open_signed(Targets, self.root(), data)
            new = _new_releases(current, offered, now)
            opened = [(ref, self._check(ref, self._content(ref, manifests))) for ref in new]
            for ref in new:
                self._write(self.manifest_path(ref), self._content(ref, manifests))
            self._write(self.metadata / f"{offered.version}.targets.json", data)
            self._sign_snapshot(self.snapshot().version + 1, offered.version, self.timestamp().version + 1, now)
            return opened

    def refresh(self, now: datetime) -> bool:
        """Sign snapshot and timestamp anew where half of their life is over; return whether it was so."""
        with self._lock:
            snapshot, timestamp = self.snapshot(), self.timestamp()
            if documents.due(snapshot, now):
                targets_version = snapshot.meta["targets.json"].version
                self._sign_snapshot(snapshot.version + 1, targets_version, timestamp.version + 1, now)
                return True
            if documents.due(timestamp, now):
                self._sign_timestamp(timestamp.version + 1, snapshot.version, now)
                return True
            return False

    def _content(self, ref: ModelRef, manifests: dict[str, bytes]) -> bytes:
        return manifests[ref.bundle] if ref.bundle in manifests else self.manifest(ref.bundle)

    def _check(self, ref: ModelRef, content: bytes) -> Manifest:
        if digest_bytes(content) != ref.bundle:
            raise Rejected(f"{ref.target}: the manifest hashes to {digest_bytes(content)[:12]}, not {ref.bundle[:12]}")
        manifest = parse_manifest(content)
        if (manifest.name, manifest.version) != (ref.name, ref.version) or ref.release < manifest.release:
            raise Rejected(
                f"{ref.target}: signed as {ref.name} {ref.version}, but it is {manifest.name} {manifest.version}"
            )
        missing = self.missing(blob.digest for blob in manifest.blobs())
        if missing:
            raise Rejected(
                f"{ref.target}: {len(missing)} blobs are missing, first {missing[0][:12]}; upload them first"
            )
        return manifest

    def _sign_snapshot(self, version: int, targets_version: int, timestamp_version: int, now: datetime) -> None:
        signer = load_signer(self._keys, ONLINE)
        data = documents.sign(documents.snapshot(version, targets_version, now), [signer])
        self._write(self.metadata / f"{version}.snapshot.json", data)
        self._sign_timestamp(timestamp_version, version, now)

    def _sign_timestamp(self, version: int, snapshot_version: int, now: datetime) -> None:
        signer = load_signer(self._keys, ONLINE)
        data = documents.sign(documents.timestamp(version, snapshot_version, now), [signer])
        self._write(self.metadata / "timestamp.json", data)

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        partial.write_bytes(data)
        sync(partial)
        os.replace(partial, path)
        sync(path.parent)


def _new_releases(current: Targets, offered: Targets, now: datetime) -> list[ModelRef]:
    """Return what is new in `offered`. Raises Rejected where it is no lawful successor of `current`."""
    if offered.version != current.version + 1:
        raise Rejected(
            f"targets version {offered.version}, expected {current.version + 1}; somebody else published: publish again"
        )
    if offered.is_expired(now):
        raise Rejected(f"targets expired on {offered.expires:%Y-%m-%d}; check the publisher's clock and publish again")
    for path, entry in current.targets.items():
        if offered.targets.get(path) != entry:
            raise Rejected(f"target {path} was changed or removed; a release is never altered")
    old = {ref.target for ref in documents.releases(current)}
    new = [ref for ref in documents.releases(offered) if ref.target not in old]
    for ref in new:
        highest = max((r.release for r in documents.releases(current, ref.name)), default=0)
        if ref.release <= highest:
            raise Rejected(f"release {ref.release} of {ref.name} is not above {highest}, the highest so far")
    return new
