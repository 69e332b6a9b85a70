"""How the `fleet` command and its parts talk to the running server: HTTP with the token in HOME/client.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from edge_agent.contracts.answers import error_of
from edge_agent.contracts.errors import ConfigError, Unavailable
from fleet.home import Home, read_json

_TIMEOUT_S = 30.0
_PIECE = 1 << 20


class Client:
    """One connection to the fleet server."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S, trust_env=False
        )

    @classmethod
    def of(cls, home: Home) -> Client:
        """Connect as HOME/client.json says. Raises ConfigError where it is missing."""
        remedy = f"start the server with 'fleet serve --home {home.folder}'"
        content = read_json(home.client, remedy)
        try:
            return cls(str(content["url"]), str(content["token"]))
        except KeyError as error:
            raise ConfigError(f"{home.client}: key {error} is missing; {remedy}") from error

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer to a GET."""
        return self._send("GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def get_bytes(self, path: str) -> bytes:
        """Return the bytes of a GET."""
        return self._send("GET", path).content

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer to a POST of a JSON object."""
        return self._send("POST", path, json=body or {}).json()

    def put_file(self, path: str, file: Path) -> None:
        """Upload a file."""
        self._send("PUT", path, content=_pieces(file), headers={"Content-Length": str(file.stat().st_size)})

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.url}: no answer ({error}); is 'fleet serve' running?") from error
        if answer.is_success:
            return answer
        raise error_of(answer.status_code, answer.content, answer.request.url.path)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
