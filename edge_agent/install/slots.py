"""Which installed bundle is in use: `bundles/<id>/` folders and the pointer file `slots.json`.

The pointer is replaced as a whole (tmp, fsync, rename, fsync folder), so a power cut leaves the old or the new one,
never a mix. Only the updater writes it; the hot process reads it when it starts.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.archive import sync
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.encoding import Digest, canonical_json
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.strict import Strict

POINTER, BUNDLES = "slots.json", "bundles"
STAGING = ".staging-"
"""Prefix of a bundle's folder while it is being downloaded."""


class Slots(Strict):
    """The pointer: the bundle in use, the warm one before it, and the last that proved itself."""

    active: Digest | None = None
    previous: Digest | None = None
    last_good: Digest | None = None
    releases: dict[Digest, int] = {}

    @property
    def kept(self) -> frozenset[str]:
        """Bundles that must stay on disk."""
        return frozenset(bundle for bundle in (self.active, self.previous, self.last_good) if bundle)

    def activated(self, bundle: str, release: int) -> Slots:
        """Return the pointer after `bundle` was taken into use; repeating it changes nothing."""
        releases = {**self.releases, bundle: release}
        if bundle == self.active:
            return self._with(releases=releases)
        return self._with(active=bundle, previous=self.active, releases=releases)

    def committed(self) -> Slots:
        """Return the pointer after the active bundle has proved itself."""
        return self._with(last_good=self.active)

    def reverted(self, bundle: str) -> Slots:
        """Return the pointer without `bundle`: its predecessor, or the last good one, is in use again."""
        champion = self.champion_against(bundle)
        last_good = self.last_good if self.last_good != bundle else champion
        return self._with(active=champion, previous=None, last_good=last_good)

    def champion_against(self, bundle: str) -> str | None:
        """Return the bundle that serves where `bundle` must not."""
        order = (self.active, self.previous, self.last_good)
        return next((other for other in order if other and other != bundle), None)

    def _with(self, **changes: object) -> Slots:
        changed = self.model_copy(update=changes)
        releases = {bundle: release for bundle, release in changed.releases.items() if bundle in changed.kept}
        return changed.model_copy(update={"releases": releases})


def read_slots(root: Path) -> Slots:
    """Return the pointer; an empty one where there is none yet. Raises ConfigError for a damaged file."""
    path = root / POINTER
    try:
        return Slots.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Slots()
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); move it away, the station then asks for its model anew"
        ) from error


def write_slots(root: Path, slots: Slots) -> None:
    """Replace the pointer so that it is on disk when this returns."""
    write_synced(root / POINTER, canonical_json(slots))


def write_synced(path: Path, data: bytes) -> None:
    """Replace a small file as a whole: tmp, fsync, rename, fsync folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync(path.parent)


def bundle_folder(root: Path, bundle: str) -> BundleFolder:
    """Return where an installed bundle lies."""
    return BundleFolder(root / BUNDLES / bundle)


def prune(root: Path, keep: frozenset[str]) -> list[str]:
    """Remove installed and half-downloaded bundles other than those in `keep`; return their names."""
    folder = root / BUNDLES
    if not folder.is_dir():
        return []
    removed = []
    for entry in sorted(folder.iterdir()):
        if entry.name.removeprefix(STAGING) not in keep:
            shutil.rmtree(entry, ignore_errors=True)
            removed.append(entry.name)
    return removed
