"""The registry over HTTP: TUF metadata, signed manifests and blobs, read with the device's password.

Nothing that comes from here is trusted; `trust` and `download` check it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import urllib3

from edge_agent.contracts.errors import Unavailable
from edge_agent.install.tuf_client import DownloadError, DownloadHTTPError, FetcherInterface

_PIECE = 1 << 13
"""Bytes read at once; a connection that breaks costs at most so many."""

_USER_AGENT = "lineside-edge-agent"


class Body:
    """An open answer: `offset` is where in the file its bytes begin."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str, offset: int) -> None:
        self._response, self._url, self.offset = response, url, offset

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes. Raises Unavailable when the connection breaks or ends early."""
        try:
            yield from self._response.stream(_PIECE)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"{self._url}: the connection broke ({_short(error)})") from error


class Registry:
    """One registry as one device sees it. Thread-safe."""

    def __init__(self, base_url: str, username: str, password: str, timeout_s: float = 10.0) -> None:
        self.base_url = base_url.rstrip("/")
        headers = urllib3.make_headers(basic_auth=f"{username}:{password}", user_agent=_USER_AGENT)
        timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)
        self._pool = urllib3.PoolManager(num_pools=2, headers=headers, timeout=timeout, retries=False)

    @contextmanager
    def open(self, path: str, offset: int = 0) -> Iterator[Body]:
        """Read a file below the registry from `offset` on; the server may begin at 0 all the same.

        Raises Unavailable where it is away, answers with an error, or has nothing from that offset on.
        """
        url = f"{self.base_url}/{path}"
        response = self._request(url, {"Range": f"bytes={offset}-"} if offset else {})
        try:
            resumed = response.status == 206 and _begins_at(response, offset)
            if not resumed and response.status != 200:
                raise Unavailable(f"{url}: HTTP {response.status}{_hint(response.status)}")
            yield Body(response, url, offset if resumed else 0)
        finally:
            response.close()

    def _request(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                "GET", url, headers={**self._pool.headers, **headers}, preload_content=False, redirect=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"{url}: no answer ({_short(error)})") from error

    def fetcher(self) -> FetcherInterface:
        """Return the same registry as TUF's client wants it."""
        return _Fetcher(self._request)


class _Fetcher(FetcherInterface):
    def __init__(self, request: Callable[[str, dict[str, str]], urllib3.BaseHTTPResponse]) -> None:
        self._request = request

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            response = self._request(url, {})
        except Unavailable as error:
            raise DownloadError(str(error)) from error
        if response.status != 200:
            response.close()
            raise DownloadHTTPError(f"{url}: HTTP {response.status}{_hint(response.status)}", response.status)
        return self._pieces(response, url)

    def _pieces(self, response: urllib3.BaseHTTPResponse, url: str) -> Iterator[bytes]:
        try:
            yield from Body(response, url, 0).pieces()
        except Unavailable as error:
            raise DownloadError(str(error)) from error
        finally:
            response.close()


def _begins_at(response: urllib3.BaseHTTPResponse, offset: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")


def _hint(status: int) -> str:
    return "; the registry does not know this device, enrol it again" if status in (401, 403) else ""


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
