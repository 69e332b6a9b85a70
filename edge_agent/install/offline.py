"""A model on a stick, for stations that no network reaches: the same signatures, the same rollback floor.

The stick holds the bundle as one `.lineside` file and a copy of the registry's `metadata` folder. The station must be
stopped; the model is in use when it starts again.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import StationConfig, load_config
from edge_agent.contracts.archive import unpack_archive
from edge_agent.contracts.bundle import MANIFEST, MAX_MANIFEST_BYTES
from edge_agent.contracts.credentials import Credentials, load_credentials
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import ModelRef
from edge_agent.home import Home
from edge_agent.install.arrival import SelfTest, installed_runtimes, unsuitable
from edge_agent.install.clock_guard import ClockGuard
from edge_agent.install.record import InstallJournal
from edge_agent.install.slots import Pointer, prune, read_slots
from edge_agent.install.transitions import release_allowed
from edge_agent.install.trust import Trust, Trusted
from edge_agent.install.tuf_client import DownloadHTTPError, FetcherInterface
from edge_agent.install.tuning import selftest_of
from edge_agent.journal.database import Database
from edge_agent.processes import lock_station

_BASE = "stick://registry"


class Stick:
    """A registry that is a folder of metadata and one manifest."""

    base_url = _BASE

    def __init__(self, metadata: Path, manifest: bytes) -> None:
        self._metadata, self._manifest = metadata, manifest

    def fetcher(self) -> FetcherInterface:
        """Return what reads it."""
        return _Reader(self._metadata, self._manifest)


class _Reader(FetcherInterface):
    def __init__(self, metadata: Path, manifest: bytes) -> None:
        self._metadata, self._manifest = metadata, manifest

    def _fetch(self, url: str) -> Iterator[bytes]:
        kind, _, rest = url.removeprefix(f"{_BASE}/").partition("/")
        if kind == "targets":
            return iter([self._manifest])
        try:
            return iter([(self._metadata / Path(unquote(rest)).name).read_bytes()])
        except OSError as error:
            raise DownloadHTTPError(f"{self._metadata}: no {rest} on the stick", 404) from error


def install_from_stick(
    home: Home, archive: Path, metadata: Path, clock: Clock = SYSTEM, selftest: SelfTest | None = None
) -> ModelRef:
    """Verify, unpack, try and take into use; return the signed release.

    Raises Rejected for whatever is not signed, not whole, older than what ran here or fails its self-test, Unavailable
    while the station runs. Then the station is as it was.
    """
    credentials = load_credentials(home.credentials)
    lock = lock_station(home)
    database = Database(home.journal)
    try:
        journal = InstallJournal(database, uuid4(), clock)
        guard = ClockGuard(database, clock, credentials.issued_ms)
        ref, trusted = _verified(home, credentials, archive, metadata, guard, journal)
        config = _settings(home)
        try_out = selftest or selftest_of(home.root, config.runtime)
        _unpacked(home, archive, trusted, credentials.device_class, try_out)
        pointer = Pointer(home.root, config.model_names)
        pointer.change(ref.name, lambda slots: slots.activated(ref.bundle, ref.release).committed())
        with database.transaction():
            database.run("raise_release_floor", model=ref.name, release=ref.release)
        return ref
    finally:
        prune(home.root, read_slots(home.root).kept)
        database.close()
        os.close(lock)


def _settings(home: Home) -> StationConfig:
    return load_config(home.config) if home.config.exists() else StationConfig()


def _verified(
    home: Home, credentials: Credentials, archive: Path, metadata: Path, guard: ClockGuard, journal: InstallJournal
) -> tuple[ModelRef, Trusted]:
    manifest = _manifest_of(archive)
    bundle, reference = digest_bytes(manifest), guard.reference_ms()
    if bundle in journal.banned():
        raise Rejected(f"bundle {bundle[:12]} failed on this device before; bring another one")
    trust = Trust(home.trust, Stick(metadata, manifest), credentials.registry.root)
    ref = trust.newest_release_of(bundle, reference)
    trusted = trust.verify(ref, reference)
    guard.confirm(min(reference, trusted.fresh_until_ms))
    floor = journal.floor(ref.name)
    if not release_allowed(ref.release, floor):
        raise Rejected(f"rollback: release {ref.release} of '{ref.name}', but {floor} was already in use here")
    Pointer(home.root, _settings(home).model_names).admit(ref.name)
    problem = unsuitable(trusted.manifest, credentials.device_class, installed_runtimes())
    if problem is not None:
        raise Rejected(f"hardware: {problem}")
    return ref, trusted


def _manifest_of(archive: Path) -> bytes:
    try:
        with zipfile.ZipFile(archive) as whole, whole.open(MANIFEST) as file:
            return file.read(MAX_MANIFEST_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError) as error:
        raise Rejected(f"{archive}: not a whole bundle archive ({error})") from error


def _unpacked(home: Home, archive: Path, trusted: Trusted, device_class: str, selftest: SelfTest) -> None:
    def signed(data: bytes) -> None:
        if data != trusted.data:
            raise Rejected(f"{archive}: it changed while it was read; copy it to the stick again")

    result = selftest(unpack_archive(archive, home.bundles, signed), device_class)
    if not result.ok:
        raise Rejected(result.reason)
