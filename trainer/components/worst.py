"""The pictures that a model is most wrong about, with what it saw, for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Recipe
from trainer.vision.data import Pictures

_COUNT = 8
_HEIGHT = 160


def write_worst(
    pictures: Pictures,
    scores: npt.NDArray[np.float64],
    heatmaps: npt.NDArray[np.float32],
    recipe: Recipe,
    folder: Path,
) -> list[dict[str, Any]]:
    """Write the pictures with the largest error, mask outlined and heatmap beside them, as PNG files.

    `scores` (n,) are defect probabilities, `heatmaps` (n, rows, columns) 0..1. Returns what each one shows.
    """
    folder.mkdir(parents=True)
    errors = np.abs(scores - (pictures.labels > 0))
    found = []
    for number, place in enumerate(np.argsort(-errors, kind="stable")[:_COUNT]):
        name = f"{number:02d}.png"
        panel = _panel(pictures.images[place], pictures.masks[place], heatmaps[place])
        (folder / name).write_bytes(cv2.imencode(".png", panel)[1].tobytes())
        label = recipe.labels.names[int(pictures.labels[place])]
        found.append(
            {"file": f"errors/{name}", "part": pictures.parts[place], "label": label, "score": float(scores[place])}
        )
    return found


def _panel(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8], heatmap: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """Put the picture with its mask outlined and the picture under its heatmap side by side (BGR)."""
    height, width = image.shape[:2]
    size = (max(round(width * _HEIGHT / height), 1), _HEIGHT)
    plain = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.shape[2] == 1 else cv2.COLOR_RGB2BGR)
    left = cv2.resize(plain, size, interpolation=cv2.INTER_NEAREST)
    outline = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    heat = np.clip(cv2.resize(np.asarray(heatmap, np.float32), size), 0, 1)
    coloured = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    right = cv2.addWeighted(left, 0.55, coloured, 0.45, 0)
    left = left.copy()
    cv2.drawContours(left, contours, -1, (80, 200, 80), 1)
    return np.asarray(np.hstack([left, right]), np.uint8)
