"""Bytes that are the same for the same content: canonical JSON and SHA-256 digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hexadecimal."""

IDENTIFIER = r"^[a-z0-9][a-z0-9._-]{0,62}$"
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
"""A name that is safe as a topic level, a file name and a URL segment; never a path."""

_READ_AHEAD = 1 << 20
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Made once: `json.dumps` makes one at each call, which is most of a small message's time."""


def canonical_json(value: BaseModel | dict[str, Any] | list[Any]) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys, no white space, and no NaN (raises ValueError)."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return _CANONICAL.encode(plain).encode()


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of the file's content, read in pieces."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_AHEAD):
            sha.update(piece)
    return sha.hexdigest()
