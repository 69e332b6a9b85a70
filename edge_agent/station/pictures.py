"""Pictures of parts, found by their SHA-256 alone: no name from outside ever becomes a path."""

from __future__ import annotations

import re
from pathlib import Path

from edge_agent.station.errors import Refused

_DIGEST = re.compile(r"^[0-9a-f]{64}$")
_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


def find_picture(images: Path | tuple[Path, ...], digest: str) -> tuple[Path, str]:
    """Return the picture's path and media type. Raises Refused for a malformed digest or a picture that is gone."""
    if not _DIGEST.match(digest):
        raise Refused(404, "no-picture", "a picture is named by 64 hexadecimal digits")
    for folder in images if isinstance(images, tuple) else (images,):
        for suffix, media in _TYPES.items():
            path = folder / digest[:2] / f"{digest}{suffix}"
            if path.is_file():
                return path, media
    raise Refused(404, "no-picture", f"picture {digest[:12]} is not kept any more; the ring dropped it to make room")
