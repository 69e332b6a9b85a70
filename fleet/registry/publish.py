"""Publishing on the publisher's machine: check the bundle, sign it with the offline keys, hand it to the server.

The server is not trusted here: what it says of earlier releases counts only as far as our own keys signed it, and an
older list than the last one seen is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from edge_agent.contracts.bundle import Blob, BundleFolder, Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import ModelRef
from fleet.home import read_json, write_private_json
from fleet.registry import documents
from fleet.registry.documents import Root, TargetFile, Targets
from fleet.registry.keys import (
    ONLINE,
    ROOT,
    ROOT_THRESHOLD,
    TARGETS,
    TARGETS_THRESHOLD,
    Signer,
    create_keys,
    load_signer,
    load_signers,
)

REVERTS_MAX = 3
"""So many earlier bundles get a signed way back with each release."""
Advance = Callable[[int, int], None]
_STATE = "publisher.json"
_ROOT_FILE = "root.json"


class Server(Protocol):
    """What publishing needs of the fleet server; `remote.RemoteRegistry` speaks it over HTTP."""

    def targets(self) -> bytes:
        """Return the current signed targets."""

    def models(self) -> list[dict[str, Any]]:
        """Return the releases as the server lists them."""

    def missing(self, digests: list[str]) -> list[str]:
        """Return which blobs the server lacks."""

    def put_blob(self, blob: Blob, path: Path) -> None:
        """Upload one blob."""

    def put_release(self, targets: bytes, manifest: bytes, release: int, blessed: bool) -> None:
        """Hand over the signed targets and the manifest that is new in them."""


@dataclass(frozen=True)
class Published:
    """A release that is in the registry; `uploaded` blobs went over the network for it."""

    ref: ModelRef
    uploaded: int
    reverts: int
    already: bool


def found_registry(keys: Path, now: datetime) -> tuple[bytes, bytes]:
    """Create the keys and return the first root and the first, empty targets; remembers the root beside the keys."""
    create_keys(keys)
    roots = load_signers([keys], ROOT, ROOT_THRESHOLD)
    targets = load_signers([keys], TARGETS, TARGETS_THRESHOLD)
    root = documents.first_root(roots, targets, load_signer(keys, ONLINE), now)
    (keys / _ROOT_FILE).write_bytes(root)
    empty = Targets(version=1, expires=documents.expiry(Targets.type, now))
    return root, documents.sign(empty, targets)


class Publisher:
    """Signs releases with the keys in `keys`, the first of which also holds the trusted root."""

    def __init__(self, server: Server, keys: list[Path], now: Callable[[], datetime]) -> None:
        self._server, self._keys, self._now = server, keys, now

    def publish(self, bundle: BundleFolder, blessed: bool = True, advance: Advance | None = None) -> Published:
        """Put a bundle into the registry; one that is there already stays as it is.

        `advance(done, total)` is told of each blob. Raises Rejected for a bundle that is not whole.
        """
        data = bundle.manifest_bytes()
        manifest = bundle.open()
        problems = bundle.problems()
        if problems:
            raise Rejected(f"{bundle.folder}: {problems[0]}" + _more(problems) + "; it was not published")
        targets = self._trusted_targets()
        known = self._standing(manifest.name, bundle.id, targets)
        if known is not None:
            return Published(known, 0, 0, already=True)
        signers = load_signers(self._keys, TARGETS, TARGETS_THRESHOLD)
        ref, reverts = add_release(targets, manifest, data, bundle.id, self._now())
        uploaded = self._upload(bundle, manifest, advance)
        self._hand_over(targets, signers, data, ref, blessed)
        return Published(ref, uploaded, reverts, already=False)

    def _trusted_targets(self) -> Targets:
        path = self._keys[0] / _ROOT_FILE
        root: Root = documents.open_root(
            json.dumps(read_json(path, "it lies beside the keys of 'fleet init'")).encode()
        )
        targets = documents.open_signed(Targets, root, self._server.targets())
        last = self._last_version()
        if targets.version < last:
            raise Rejected(
                f"the server shows targets version {targets.version}, but {last} was published from here; "
                "it was set back or is not your server"
            )
        return targets

    def _last_version(self) -> int:
        path = self._keys[0] / _STATE
        return int(read_json(path, "delete it to begin anew")["targets"]) if path.exists() else 0

    def _standing(self, name: str, bundle: str, targets: Targets) -> ModelRef | None:
        """Return the release under which a bundle can be rolled out now: above every way back that was taken."""
        signed = {ref.release: ref for ref in documents.releases(targets, name)}
        rows = [row for row in self._server.models() if row["name"] == name]
        taken = max((row["release"] for row in rows if row["revert"] and row["used"]), default=0)
        for row in sorted(rows, key=lambda r: -int(r["release"])):
            ref = signed.get(row["release"])
            if ref and ref.bundle == bundle and not row["revert"] and ref.release > taken:
                return ref
        return None

    def _upload(self, bundle: BundleFolder, manifest: Manifest, advance: Advance | None) -> int:
        blobs = {blob.digest: blob for blob in manifest.blobs()}
        missing = self._server.missing(list(blobs))
        for done, digest in enumerate(missing):
            if advance is not None:
                advance(done, len(missing))
            self._server.put_blob(blobs[digest], bundle.path(blobs[digest]))
        return len(missing)

    def _hand_over(self, targets: Targets, signers: list[Signer], data: bytes, ref: ModelRef, blessed: bool) -> None:
        self._server.put_release(documents.sign(targets, signers), data, ref.release, blessed)
        write_private_json(self._keys[0] / _STATE, {"targets": targets.version})


def add_release(targets: Targets, manifest: Manifest, data: bytes, bundle: str, now: datetime) -> tuple[ModelRef, int]:
    """Add a bundle as the next release, and above it the ways back to the bundles before it.

    Devices refuse every release below the highest they have seen, so the way back must be signed before it is
    needed: an abort cannot wait for the person with the keys. Returns the release and how many ways back it has.
    """
    earlier = documents.releases(targets, manifest.name)
    for ref in earlier:
        if ref.version == manifest.version and ref.bundle != bundle:
            raise Rejected(
                f"{manifest.name} {manifest.version} is in the registry as {ref.bundle[:12]}, this is {bundle[:12]}; "
                "give the new model another version"
            )
    number = max(manifest.release, max((ref.release for ref in earlier), default=0) + 1)
    new = ModelRef(name=manifest.name, version=manifest.version, release=number, bundle=bundle)
    targets.targets[new.target] = documents.target(new, data)
    ways = _ways_back(earlier, bundle)
    for offset, ref in enumerate(ways, start=1):
        back = ref.model_copy(update={"release": number + offset})
        old = targets.targets[ref.target]
        custom = {"custom": back.model_dump(mode="json")}
        targets.targets[back.target] = TargetFile(old.length, dict(old.hashes), back.target, custom)
    targets.version += 1
    targets.expires = documents.expiry(Targets.type, now)
    return new, len(ways)


def _ways_back(earlier: list[ModelRef], bundle: str) -> list[ModelRef]:
    """Return the newest release of each of the latest other bundles, oldest bundle first."""
    latest = {ref.bundle: ref for ref in earlier if ref.bundle != bundle}
    first_seen = {ref.bundle: ref.release for ref in reversed(earlier)}
    return sorted(latest.values(), key=lambda ref: first_seen[ref.bundle])[-REVERTS_MAX:]


def _more(problems: list[str]) -> str:
    return f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
