"""Is this manifest signed? The Update Framework's client, with a memory that survives a reboot.

Broker, fleet server and transport are not trusted: only the root keys in the credentials are. The client keeps its
trusted metadata in the station's folder, so replayed old metadata is recognised.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from edge_agent.contracts.archive import sync
from edge_agent.contracts.bundle import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.messages import ModelRef
from edge_agent.install.tuf_client import (
    BadVersionNumberError,
    DownloadError,
    ExpiredMetadataError,
    FetcherInterface,
    RepositoryError,
    Updater,
)


class Source(Protocol):
    """Where metadata and manifests come from: the registry over HTTP, or a stick. Not trusted."""

    base_url: str

    def fetcher(self) -> FetcherInterface:
        """Return what reads addresses below `base_url`."""


class Expired(Unavailable):
    """The registry's metadata is older than it may be; nothing new is installed, and somebody must look."""


@dataclass(frozen=True)
class Trusted:
    """A manifest whose bytes are signed. `fresh_until_ms` is when the registry's timestamp expires."""

    data: bytes
    manifest: Manifest
    release: int
    fresh_until_ms: int


class _Client(Updater):
    """TUF's client that judges expiry by a given time instead of the wall clock, which may be wrong."""

    def set_reference(self, reference_ms: int) -> None:
        moment = datetime.fromtimestamp(reference_ms / 1000, timezone.utc)
        self._trusted_set.reference_time = moment

    def releases(self) -> list[ModelRef]:
        """Return all signed releases, after `refresh`."""
        targets = self._trusted_set.targets.targets.values()
        return [ModelRef.model_validate(target.custom or {}) for target in targets]

    def fresh_until_ms(self) -> int:
        return int(self._trusted_set.timestamp.expires.timestamp() * 1000)


class Trust:
    """What one device trusts. `folder` keeps the metadata; `root` is the root that came with the credentials."""

    def __init__(self, folder: Path, registry: Source, root: dict[str, Any]) -> None:
        self._folder, self._registry = folder, registry
        self._root = json.dumps(root).encode()

    def verify(self, model: ModelRef, reference_ms: int) -> Trusted:
        """Return the signed manifest of a release, as of `reference_ms`.

        Raises Rejected where signature, names, release or digest do not hold, Expired where the metadata is too old,
        Unavailable where the registry is away.
        """
        client = self._client(reference_ms)
        with _understood():
            info = client.get_targetinfo(model.target)
            if info is None:
                raise Rejected(f"registry: {model.target} is not signed; publish the release, then roll it out")
            _check_target(info.custom or {}, info.length, model)
            data = _download(client, info)
        self._sync()
        return Trusted(data, _checked(data, model), model.release, client.fresh_until_ms())

    def fresh_until_ms(self, reference_ms: int) -> int:
        """Refresh the metadata and return when its timestamp expires. Raises as `verify`."""
        client = self._client(reference_ms)
        with _understood():
            client.refresh()
        self._sync()
        return client.fresh_until_ms()

    def newest_release_of(self, bundle: str, reference_ms: int) -> ModelRef:
        """Return the highest release that is signed for a bundle. Raises as `verify`; Rejected where there is none."""
        client = self._client(reference_ms)
        with _understood():
            client.refresh()
        found = [ref for ref in client.releases() if ref.bundle == bundle]
        if not found:
            raise Rejected(f"bundle {bundle[:12]} is not signed in this registry; publish it and copy the stick again")
        return max(found, key=lambda ref: ref.release)

    def _client(self, reference_ms: int) -> _Client:
        self._folder.mkdir(parents=True, exist_ok=True)
        base = self._registry.base_url
        try:
            client = _Client(
                str(self._folder),
                f"{base}/metadata/",
                target_base_url=f"{base}/targets/",
                fetcher=self._registry.fetcher(),
                bootstrap=self._root,
            )
        except RepositoryError as error:
            raise Rejected(f"the root in the credentials is no TUF root ({error}); enrol the device again") from error
        client.set_reference(reference_ms)
        return client

    def _sync(self) -> None:
        for path in (*self._folder.glob("*.json"), self._folder):
            sync(path)


@contextmanager
def _understood() -> Iterator[None]:
    """Say what the client's errors mean here."""
    try:
        yield
    except DownloadError as error:
        raise Unavailable(f"registry: {_chain(error)}") from error
    except ExpiredMetadataError as error:
        raise Expired(f"registry: {error}; its signatures must be renewed, or this clock is wrong") from error
    except BadVersionNumberError as error:
        raise Rejected(f"registry: rollback attack or restored backup: {error}") from error
    except RepositoryError as error:
        raise Rejected(f"registry: the signature does not hold: {error}") from error
    except ValidationError as error:
        raise Rejected("registry: a signed release is described in a way that this agent does not know") from error


def _check_target(signed: dict[str, Any], length: int, model: ModelRef) -> None:
    wanted = {"name": model.name, "version": model.version, "release": model.release, "bundle": model.bundle}
    for key, value in wanted.items():
        if signed.get(key) != value:
            raise Rejected(f"registry: {model.target} is signed for {key} {signed.get(key)!r}, desired is {value!r}")
    if length > MAX_MANIFEST_BYTES:
        raise Rejected(f"registry: manifest of {length} bytes; at most {MAX_MANIFEST_BYTES} are read")


def _download(client: Updater, info: Any) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
        return Path(client.download_target(info, str(Path(folder, "manifest.json")))).read_bytes()


def _checked(data: bytes, model: ModelRef) -> Manifest:
    if digest_bytes(data) != model.bundle:
        raise Rejected(f"{model.target} is bundle {digest_bytes(data)[:12]}, desired is {model.bundle[:12]}")
    manifest = parse_manifest(data)
    if manifest.name != model.name:
        raise Rejected(f"{model.target} is a manifest of '{manifest.name}', desired is '{model.name}'")
    return manifest


def _chain(error: BaseException) -> str:
    return f"{error} ({error.__cause__})" if error.__cause__ is not None else str(error)
