"""The fleet's tickets over HTTP, with the address and token of HOME/client.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from edge_agent.contracts.answers import error_of
from edge_agent.contracts.errors import ConfigError, Unavailable

_TIMEOUT_S = 30.0


class FleetApi:
    """The requests that the trainer makes. All raise Unavailable when the fleet does not answer."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT_S, trust_env=False)

    @classmethod
    def of(cls, home: Path) -> FleetApi:
        """Connect as `home/client.json` says. Raises ConfigError where it is missing."""
        path = home / "client.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(str(content["url"]), str(content["token"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: cannot be read ({error}); start the fleet or name its home") from error

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def tickets(self) -> list[dict[str, Any]]:
        """Return all tickets that wait for something, newest first."""
        return list(self._send("GET", "/api/v1/tickets", params={"state": "live"}).json())

    def ticket(self, name: str) -> dict[str, Any]:
        """Return one ticket. Raises Rejected when there is none."""
        return dict(self._send("GET", f"/api/v1/tickets/{name}").json())

    def move(self, name: str, action: str, **said: str) -> dict[str, Any]:
        """Claim, release or serve a ticket. Raises Rejected where its state does not allow that."""
        return dict(self._send("POST", f"/api/v1/tickets/{name}/{action}", json=said).json())

    def labels(self, name: str) -> bytes:
        """Return a ticket's `labels.csv`."""
        return self._send("GET", f"/api/v1/tickets/{name}/labels.csv").content

    def models(self) -> list[dict[str, Any]]:
        """Return all releases, newest first."""
        return list(self._send("GET", "/api/v1/models").json()["models"])

    def live_labels(self, bundle: str, since_ms: int) -> bytes:
        """Return the `labels.csv` of the parts that this bundle judged and people reviewed since."""
        return self._send("GET", f"/api/v1/live/{bundle}/labels.csv", params={"since": since_ms}).content

    def tell_live(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        """Tell what was measured of the live bundle; return the tickets that a broken bound opened or joined."""
        return list(self._send("POST", "/api/v1/live/evaluations", json=found).json()["tickets"])

    def image(self, sha: str) -> bytes:
        """Return a picture by its SHA-256."""
        return self._send("GET", f"/api/v1/images/{sha}").content

    def rollouts(self) -> list[dict[str, Any]]:
        """Return all rollouts, newest first."""
        return list(self._send("GET", "/api/v1/rollouts").json()["rollouts"])

    def devices(self) -> list[dict[str, Any]]:
        """Return all devices."""
        return list(self._send("GET", "/api/v1/devices").json()["devices"])

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.url}: no answer ({error}); is 'fleet serve' running?") from error
        if answer.is_success:
            return answer
        raise error_of(answer.status_code, answer.content, answer.request.url.path)
