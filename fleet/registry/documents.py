"""The four documents of The Update Framework, made and checked; nothing here touches a disk or a network."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import ModelRef
from fleet.registry.keys import ROOT_THRESHOLD, TARGETS_THRESHOLD, Signer

__all__ = ["Metadata", "Root", "Snapshot", "TargetFile", "Targets", "Timestamp"]

LIFETIMES = {
    Root.type: timedelta(days=365),
    Targets.type: timedelta(days=365),
    Snapshot.type: timedelta(days=7),
    Timestamp.type: timedelta(days=1),
}
T = TypeVar("T", Root, Targets, Snapshot, Timestamp)


def expiry(role: str, now: datetime) -> datetime:
    """Return until when a document signed now is good, in whole seconds."""
    return (now + LIFETIMES[role]).replace(microsecond=0)


def first_root(roots: list[Signer], targets: list[Signer], online: Signer, now: datetime) -> bytes:
    """Return the root of trust, signed by all root keys."""
    root = Root(version=1, expires=expiry(Root.type, now), consistent_snapshot=True)
    for signer in roots:
        root.add_key(signer.public_key, Root.type)
    for signer in targets:
        root.add_key(signer.public_key, Targets.type)
    root.add_key(online.public_key, Snapshot.type)
    root.add_key(online.public_key, Timestamp.type)
    root.roles[Root.type].threshold = ROOT_THRESHOLD
    root.roles[Targets.type].threshold = TARGETS_THRESHOLD
    return sign(root, roots)


def sign(document: T, signers: list[Signer]) -> bytes:
    """Return the document with the signatures of all `signers`, as bytes."""
    metadata = Metadata(document)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


def open_root(data: bytes) -> Root:
    """Read a root that is trusted by where it came from, checking that it signs itself. Raises Rejected."""
    metadata = _parse(Root, data)
    root = metadata.signed
    try:
        root.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise Rejected(f"root: not signed by its own keys ({error})") from error
    return root


def open_signed(kind: type[T], root: Root, data: bytes) -> T:
    """Read a document and check its signatures against the root. Raises Rejected."""
    metadata = _parse(kind, data)
    try:
        root.verify_delegate(kind.type, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise Rejected(f"{kind.type}: signatures do not hold ({error}); nothing was taken over") from error
    return metadata.signed


def _parse(kind: type[T], data: bytes) -> Metadata[T]:
    try:
        metadata = Metadata[T].from_bytes(data)
    except RepositoryError as error:
        raise Rejected(f"{kind.type}: not a document of The Update Framework ({error})") from error
    if not isinstance(metadata.signed, kind):
        raise Rejected(f"{kind.type}: found a document of type {metadata.signed.type}")
    return metadata


def target(ref: ModelRef, manifest: bytes) -> TargetFile:
    """Return the entry of a release: the manifest's length and hash, and what it is."""
    entry = TargetFile.from_data(ref.target, manifest, ["sha256"])
    entry.unrecognized_fields["custom"] = ref.model_dump(mode="json")
    return entry


def release_of(entry: TargetFile) -> ModelRef:
    """Return what an entry says it is. Raises Rejected where it contradicts its own path or hash."""
    try:
        ref = ModelRef.model_validate(entry.custom)
    except ValueError as error:
        raise Rejected(f"target {entry.path}: no valid description ({error})") from error
    if ref.target != entry.path or entry.hashes.get("sha256") != ref.bundle:
        raise Rejected(f"target {entry.path}: names {ref.target} of bundle {ref.bundle[:12]}, which it is not")
    return ref


def releases(targets: Targets, name: str | None = None) -> list[ModelRef]:
    """Return all releases in a targets document, lowest first; of one model where it is named."""
    found = [release_of(entry) for entry in targets.targets.values()]
    return sorted((r for r in found if name in (None, r.name)), key=lambda r: (r.name, r.release))


def snapshot(version: int, targets_version: int, now: datetime) -> Snapshot:
    """Return a snapshot that names one version of the targets."""
    meta = {"targets.json": MetaFile(targets_version)}
    return Snapshot(version=version, expires=expiry(Snapshot.type, now), meta=meta)


def timestamp(version: int, snapshot_version: int, now: datetime) -> Timestamp:
    """Return a timestamp that names one version of the snapshot."""
    return Timestamp(version=version, expires=expiry(Timestamp.type, now), snapshot_meta=MetaFile(snapshot_version))


def due(document: Signed, now: datetime) -> bool:
    """True once less than half of a document's life is left: time to sign it anew."""
    return document.expires - now < LIFETIMES[document.type] / 2
