"""The page of suspected labels: each picture beside what it is labelled and what the model says."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import digest_bytes
from trainer.labels.suspects import Suspect
from trainer.pipeline.cache import write_atomically
from trainer.reports.rendering import environment

_HEIGHT, _QUALITY, _MOST = 180, 85, 200


def write_suspects(run: str, found: Sequence[Suspect], pictures: Mapping[str, Path], target: Path) -> None:
    """Write the page; at most the 200 most doubtful are shown, a picture that changed or is gone is said to be.

    A row of a table has no picture.
    """
    rows: list[dict[str, Any]] = [
        {**asdict(one), "data": thumbnail(pictures.get(one.sha256), one.sha256)} for one in found[:_MOST]
    ]
    what = "pictures" if any(one.sha256 for one in found) else "rows"
    page = environment().get_template("suspects.html").render(run=run, rows=rows, count=len(found), what=what)
    write_atomically(target, page.encode())


def thumbnail(path: Path | None, sha256: str) -> str:
    """Return a small picture as a data URL; "" where the file is gone or is not what was judged."""
    import cv2

    from edge_agent.contracts.errors import Rejected
    from edge_agent.contracts.preprocess import decode_frame

    if path is None:
        return ""
    data = path.read_bytes()
    try:
        picture = decode_frame(data) if digest_bytes(data) == sha256 else None
    except Rejected:
        return ""
    if picture is None:
        return ""
    size = (max(round(picture.shape[1] * _HEIGHT / picture.shape[0]), 1), _HEIGHT)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    made = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(made).decode()
