"""The fleet server's registry as the publisher reaches it over HTTP."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import Blob
from fleet.client import Client


class RemoteRegistry:
    """The `publish.Server` port over HTTP."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def targets(self) -> bytes:
        """Return the current signed targets."""
        return self._client.get_bytes("/api/v1/registry/targets")

    def models(self) -> list[dict[str, Any]]:
        """Return the releases as the server lists them."""
        listed: list[dict[str, Any]] = self._client.get("/api/v1/models")["models"]
        return listed

    def missing(self, digests: list[str]) -> list[str]:
        """Return which blobs the server lacks."""
        missing: list[str] = self._client.post("/api/v1/registry/missing", {"digests": digests})["missing"]
        return missing

    def put_blob(self, blob: Blob, path: Path) -> None:
        """Upload one blob."""
        self._client.put_file(f"/api/v1/blobs/{blob.digest}", path)

    def put_release(self, targets: bytes, manifest: bytes, release: int, blessed: bool) -> None:
        """Hand over the signed targets and the manifest that is new in them."""
        body = {
            "targets": base64.b64encode(targets).decode(),
            "manifest": base64.b64encode(manifest).decode(),
            "release": release,
            "blessed": blessed,
        }
        self._client.post("/api/v1/models", body)
