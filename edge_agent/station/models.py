"""The bundles on this device as people and pages need them: names, labels, crop, and which one is active."""

from __future__ import annotations

from edge_agent.contracts.bundle import BundleFolder, Manifest
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.home import Home
from edge_agent.install.slots import read_slots

_KEPT = 8


class Bundles:
    """Read-only view of `HOME/slots.json` and `HOME/bundles/`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._manifests: dict[str, Manifest] = {}

    def active(self) -> str | None:
        """Return the ID of the bundle in the active slot; None as well where the pointer cannot be read."""
        try:
            return read_slots(self.home.root).active
        except ConfigError:
            return None

    def folder(self, bundle: str) -> BundleFolder:
        """Return where a bundle lies."""
        return BundleFolder(self.home.bundle(bundle))

    def manifest(self, bundle: str | None) -> Manifest | None:
        """Return a bundle's manifest, checked against its ID; None where it is not on this device any more."""
        if bundle is None:
            return None
        if bundle not in self._manifests:
            try:
                manifest = self.folder(bundle).open(expected_id=bundle)
            except Rejected:
                return None
            while len(self._manifests) >= _KEPT:
                self._manifests.pop(next(iter(self._manifests)))
            self._manifests[bundle] = manifest
        return self._manifests[bundle]

    def active_manifest(self) -> tuple[str, Manifest] | None:
        """Return ID and manifest of the active bundle."""
        bundle = self.active()
        manifest = self.manifest(bundle)
        return (bundle, manifest) if bundle is not None and manifest is not None else None
