"""The pictures that a model is most wrong about, with what it saw, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Recipe
from trainer.evaluation.verdict import Candidate
from trainer.vision.data import Pictures

_COUNT = 6
_SIDE = 320
_SEAM, _GREY = 4, 128
_QUALITY = 85


def write_worst(
    pictures: Pictures,
    model: Candidate,
    heatmaps: npt.NDArray[np.float32],
    recipe: Recipe,
    folder: Path,
) -> list[dict[str, Any]]:
    """Write the most wrongly scored pictures, mask outlined and heatmap beside them, as JPEG files.

    Defective pictures with the lowest scores (kind `missed`) and good ones with the highest (kind `false alarm`), each
    of another part; `heatmaps` (n, rows, columns) 0..1. Returns what each
    shows and the verdict on its part.
    """
    folder.mkdir(parents=True)
    scores, bad = model.test.scores, pictures.labels > 0
    parts = model.test.by_part(model.combine)
    of_part = dict(zip(parts.parts, parts.scores.tolist(), strict=True))
    found: list[dict[str, Any]] = []
    for kind, places in (
        ("missed", np.flatnonzero(bad)[np.argsort(scores[bad], kind="stable")]),
        ("false alarm", np.flatnonzero(~bad)[np.argsort(-scores[~bad], kind="stable")]),
    ):
        for place in _one_a_part(places, pictures.parts):
            name = f"{len(found):02d}.jpg"
            image, mask = (pictures.shown(maps[place], place) for maps in (pictures.images, pictures.masks))
            panel = _panel(image, mask, pictures.shown(heatmaps[place], place))
            (folder / name).write_bytes(cv2.imencode(".jpg", panel, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
            said: dict[str, Any] = {"file": f"errors/{name}", "kind": kind, "part": pictures.parts[place]}
            said["label"] = recipe.labels.names[int(pictures.labels[place])]
            said["score"], said["part_score"] = float(scores[place]), of_part[pictures.parts[place]]
            said["verdict"] = _verdict(said["part_score"], model.pair)
            found.append(said)
    return found


def _one_a_part(places: npt.NDArray[np.int64], parts: Sequence[str]) -> list[int]:
    first: dict[str, int] = {}
    for place in places:
        first.setdefault(parts[int(place)], int(place))
    return list(first.values())[:_COUNT]


def _verdict(score: float, thresholds: ThresholdPair) -> str:
    """Say what would become of a part with this score."""
    if score < thresholds.accept_below:
        return "accept"
    return "reject" if score >= thresholds.reject_above else "review"


def _panel(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8], heatmap: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """Put the picture with its mask outlined and the picture under its heatmap side by side, with a seam (BGR).

    The longer side of each has 320 pixels: a defect of few pixels must be seen.
    """
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    plain = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.shape[2] == 1 else cv2.COLOR_RGB2BGR)
    left = cv2.resize(plain, size, interpolation=cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA)
    outline = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    heat = np.clip(cv2.resize(np.asarray(heatmap, np.float32), size), 0, 1)
    coloured = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    right = cv2.addWeighted(left, 0.55, coloured, 0.45, 0)
    left = left.copy()
    cv2.drawContours(left, contours, -1, (80, 200, 80), 1)
    seam = np.full((size[1], _SEAM, 3), _GREY, np.uint8)
    return np.asarray(np.hstack([left, seam, right]), np.uint8)
