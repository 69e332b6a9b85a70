"""The picture for the station's page: one small file that is written over in place, so that a flash disk sees little.

It holds lengths and a checksum, then facts as JSON, then a JPEG. A reader who meets it half written finds the checksum
wrong and looks again.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD = struct.Struct(">4sIII")
_MAGIC = b"LSP1"


@dataclass(frozen=True)
class Shown:
    """A picture as JPEG, and what was measured of it (`edge_agent.capture.preview.measured`)."""

    facts: dict[str, Any]
    jpeg: bytes


class PreviewFile:
    """The writing end. The file is there while this is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def write(self, shown: Shown) -> None:
        """Put another picture in place of the last. Raises OSError where the disk takes none."""
        facts = json.dumps(shown.facts, separators=(",", ":")).encode()
        body = facts + shown.jpeg
        os.pwrite(self._handle, _HEAD.pack(_MAGIC, len(facts), len(shown.jpeg), zlib.crc32(body)) + body, 0)

    def close(self) -> None:
        """Remove the file."""
        os.close(self._handle)
        self._path.unlink(missing_ok=True)


def read_preview(path: Path) -> Shown | None:
    """Return the picture; None where there is none, or it is being written just now."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) < _HEAD.size:
        return None
    magic, facts, jpeg, checksum = _HEAD.unpack_from(data)
    body = data[_HEAD.size : _HEAD.size + facts + jpeg]
    if magic != _MAGIC or zlib.crc32(body) != checksum:
        return None
    return Shown(json.loads(body[:facts]), body[facts:])
