"""What a person wants to see of a part that changed: its picture, and where each model saw a defect."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Crop
from edge_agent.inference.heatmap import overlay
from edge_agent.inspection import Finding
from edge_agent.replay.comparison import Pair

_WIDEST = 420
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 82)


@dataclass(frozen=True)
class Evidence:
    """A part and its pictures as `data:` URLs; "" where there is none."""

    pair: Pair
    picture: str
    before: str
    after: str


def evidence_of(pair: Pair, before: tuple[Finding, Crop] | None, after: tuple[Finding, Crop]) -> Evidence:
    """Return the pictures of a part: plain, and with the heatmaps of both models over the region that each saw."""
    picture = after[0].picture
    plain = "" if picture is None else _url(_small(picture))
    return Evidence(pair, plain, "" if before is None else _seen(*before), _seen(*after))


def _seen(finding: Finding, crop: Crop) -> str:
    if finding.picture is None or finding.heatmap is None:
        return ""
    grey = np.clip(np.nan_to_num(finding.heatmap) * 255.0, 0, 255).astype(np.uint8)
    return _url(overlay(_small(finding.picture), grey, crop))


def _small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = picture.shape[:2]
    factor = min(1.0, _WIDEST / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _url(picture: npt.NDArray[np.uint8]) -> str:
    good, data = cv2.imencode(".jpg", picture, _JPEG)
    assert good, "JPEG encoding of a uint8 picture does not fail"
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
