"""The heatmap as a picture: for the operator's page and for a report."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Crop
from edge_agent.inference.interpreter import Floats

_WEIGHT = 0.45


def heatmap_png(heatmap: Floats) -> bytes:
    """Return the (rows, columns) heatmap 0..1 as a grey PNG of that size."""
    grey = np.clip(np.nan_to_num(heatmap) * 255.0, 0, 255).astype(np.uint8)
    return encode_png(grey)


def overlay(picture: npt.NDArray[np.uint8], heatmap: npt.NDArray[np.uint8], region: Crop) -> npt.NDArray[np.uint8]:
    """Lay a grey heatmap (rows, columns) over a camera picture (BGR or grey), within the crop; returns BGR."""
    colour = picture if picture.ndim == 3 and picture.shape[2] == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    out = np.array(colour, np.uint8)
    height, width = out.shape[:2]
    left, top = int(region.left * width), int(region.top * height)
    right, bottom = round(region.right * width), round(region.bottom * height)
    inner = out[top:bottom, left:right]
    stretched = cv2.resize(heatmap, (inner.shape[1], inner.shape[0]), interpolation=cv2.INTER_LINEAR)
    painted = cv2.applyColorMap(stretched, cv2.COLORMAP_JET)
    weight = (stretched.astype(np.float32) / 255.0 * 2 * _WEIGHT).clip(0, _WEIGHT)[:, :, None]
    out[top:bottom, left:right] = (inner * (1 - weight) + painted * weight).astype(np.uint8)
    return out


def encode_png(picture: npt.NDArray[np.uint8], level: int = 1) -> bytes:
    """Return a picture (BGR or grey) as PNG; `level` 0..9 trades time for size."""
    good, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, level])
    assert good, "PNG encoding of a uint8 picture does not fail"
    return data.tobytes()
