"""Pictures that people shall label go to the fleet by HTTP, one after the other, when the line can spare it."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import urllib3

from edge_agent.backoff import doubling
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.journal.database import Database
from edge_agent.journal.ring import picture_path

MAX_BYTES = 10_000_000
IDLE_S, LONGEST_S = 2.0, 120.0
_AGAIN = frozenset({401, 403, 408, 425, 429})
"""Answers of the 4xx kind after which it is worth trying again."""


def pause(failures: int, draw: float) -> float:
    """Return the seconds until the next try after so many failures in a row; `draw` in [0, 1) spreads a crowd."""
    return IDLE_S if failures == 0 else doubling(2.0, LONGEST_S, failures - 1) * (0.5 + draw / 2)


class Sender:
    """Puts one picture to `<upload_url>/images/<sha256>` with the device's password."""

    def __init__(self, upload_url: str, username: str, password: str, timeout_s: float = 15.0) -> None:
        self._url = upload_url.rstrip("/")
        headers = urllib3.make_headers(basic_auth=f"{username}:{password}", user_agent="lineside-edge-agent")
        self._pool = urllib3.PoolManager(1, headers, timeout=urllib3.Timeout(timeout_s), retries=False)

    def send(self, digest: str, data: bytes) -> None:
        """Upload. Raises Unavailable to try again later, Rejected where the fleet will never take it."""
        url = f"{self._url}/images/{digest}"
        headers = {**self._pool.headers, "Content-Type": "application/octet-stream"}
        try:
            answer = self._pool.request("PUT", url, body=data, headers=headers, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"{url}: no answer ({' '.join(str(error).split())[:200]})") from error
        if answer.status >= 500 or answer.status in _AGAIN:
            raise Unavailable(f"{url}: HTTP {answer.status}")
        if answer.status >= 300:
            raise Rejected(f"{url}: HTTP {answer.status}")


class Pictures:
    """Uploads the pictures marked `wanted`, the oldest first. One thread uses it."""

    def __init__(self, database: Database, folder: Path, sender: Sender) -> None:
        self._database, self._folder, self._sender = database, folder, sender
        self.failures, self.refused = 0, 0

    def advance(self) -> bool:
        """Send the next picture; False when there is none, or when it has to wait."""
        row = self._database.row("images_wanted", limit=1)
        if row is None:
            return False
        digest: str = row[0]
        try:
            self._sender.send(digest, self._read(digest))
            self._mark(digest, "done")
        except Rejected:
            self.refused += 1
            self._mark(digest, "no")
        except Unavailable:
            self.failures += 1
            return False
        self.failures = 0
        return True

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping` is set."""
        while not stopping.is_set():
            if not self.advance():
                stopping.wait(pause(self.failures, random.random()))

    def _read(self, digest: str) -> bytes:
        path = picture_path(self._folder, digest)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise Rejected(f"{path}: larger than {MAX_BYTES} bytes")
            return path.read_bytes()
        except OSError as error:
            raise Rejected(f"{path}: no longer in the ring ({error.strerror})") from error

    def _mark(self, digest: str, upload: str) -> None:
        with self._database.transaction():
            self._database.run("set_image_upload", digest=digest, upload=upload)
