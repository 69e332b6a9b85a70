"""Where in its stream a window stands that cannot be read: a rule without I/O.

The device keeps a window until its number is acknowledged, and everything after it as well. So a number that can be
made out in a torn, too large or too new window is worth more than the window.
"""

from __future__ import annotations

import json
import re
import zlib
from uuid import UUID

from edge_agent.contracts.window import MAX_WINDOW_BYTES

_PIECE = 64
_BOOT = re.compile(rb'"boot":\s*"([0-9a-fA-F-]{36})"')
_SEQ = re.compile(rb'"seq":\s*(\d{1,18})\s*[,}]')
_HIGHEST = 1 << 62


def window_place(payload: bytes) -> tuple[str, int] | None:
    """Return boot and number of a window by as much of it as can be inflated, or None."""
    text = payload if payload[:1] == b"{" else _inflated(payload)
    try:
        head = json.loads(text)["head"]
        boot, seq = str(head["boot"]), head["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = _BOOT.search(text), _SEQ.search(text)
        if found[0] is None or found[1] is None:
            return None
        boot, seq = found[0][1].decode(), int(found[1][1])
    try:
        known = str(UUID(boot))
    except ValueError:
        return None
    return (known, seq) if type(seq) is int and 1 <= seq < _HIGHEST else None


def _inflated(payload: bytes) -> bytes:
    """Return what comes out before the damage, or before the limit."""
    unzip, text = zlib.decompressobj(), bytearray()
    try:
        for start in range(0, len(payload), _PIECE):
            text += unzip.decompress(payload[start : start + _PIECE], MAX_WINDOW_BYTES)
            if len(text) >= MAX_WINDOW_BYTES:
                break
    except zlib.error:
        pass
    return bytes(text)
