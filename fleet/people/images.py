"""Pictures that devices upload: kept under the hash of their bytes, believed to be nothing but bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy.orm import Session

from edge_agent.contracts.archive import sync
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected, Unavailable
from fleet.store.database import insert
from fleet.store.monitoring_tables import Image

MAX_IMAGE_BYTES = 10 * 1024 * 1024
RESERVE_BYTES = 256 * 1024 * 1024
"""Space on the disk that pictures may not take: records come first."""

MEDIA = {"png": "image/png", "jpg": "image/jpeg"}
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"))


class Pictures:
    """The folder of pictures. A picture's place follows from its hash, never from what somebody calls it."""

    def __init__(self, folder: Path, reserve: int = RESERVE_BYTES) -> None:
        self._folder = folder
        self._reserve = reserve

    def path(self, sha: str, kind: str) -> Path:
        """Return where a picture lies; `sha` is 64 hexadecimal digits, `kind` is `png` or `jpg`."""
        return self._folder / sha[:2] / f"{sha}.{kind}"

    def keep(self, sha: str, body: bytes) -> str:
        """Write a picture to disk for good and return its kind.

        Raises Rejected where the bytes are no picture or not the ones announced, Unavailable where the disk is full.
        """
        kind = check(sha, body)
        target = self.path(sha, kind)
        if target.exists():
            return kind
        target.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(target.parent).free < self._reserve + len(body):
            raise Unavailable("the fleet's disk has no room for pictures; free some, the device tries again")
        self._write(target, body)
        return kind

    @staticmethod
    def _write(target: Path, body: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".part-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
            sync(Path(name))
            os.replace(name, target)
            sync(target.parent)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            raise Unavailable(f"the picture could not be written ({error.strerror}); the device tries again") from error


def check(sha: str, body: bytes) -> str:
    """Return the kind of a picture by its first bytes. Raises Rejected."""
    if len(body) > MAX_IMAGE_BYTES:
        raise Rejected(f"picture of more than {MAX_IMAGE_BYTES} bytes; send a smaller one")
    found = digest_bytes(body)
    if found != sha:
        raise Rejected(f"the body hashes to {found[:12]}, the address says {sha[:12]}; send the picture again")
    for magic, kind in _MAGIC:
        if body.startswith(magic):
            return kind
    raise Rejected("neither PNG nor JPEG; send the picture as one of them")


def note(session: Session, sha: str, device: str, kind: str, size: int, now: int) -> None:
    """Record a picture that lies on disk; one that is known stays as it is."""
    row = {"sha": sha, "device": device, "kind": kind, "size": size, "received_ms": now}
    session.execute(insert(session, Image).values(row).on_conflict_do_nothing())
