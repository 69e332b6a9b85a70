"""How good the heatmaps are: rules on arrays, without a framework. Scores are judged in `trainer.evaluation`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.scores import heatmap_peak

Bools = npt.NDArray[np.bool_]


def _share(hits: Bools) -> float:
    return float(hits.mean()) if len(hits) else math.nan


def peak_hits(
    peaks: Sequence[tuple[float, float]],
    masks: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]],
    widen: float = 0.05,
) -> Bools:
    """Say for each picture whether its peak lies in its mask (rows, columns; above 0 = defect).

    Peaks are (x, y) as fractions of width and height. The masks are widened by `widen` of the picture's width and
    height on each side. An empty mask is never hit.
    """
    return np.asarray([_hit(peak, mask, widen) for peak, mask in zip(peaks, masks, strict=True)], bool)


def _hit(peak: tuple[float, float], mask: npt.NDArray[np.uint8], widen: float) -> bool:
    rows, columns = mask.shape
    reach = (2 * max(round(widen * columns), 0) + 1, 2 * max(round(widen * rows), 0) + 1)
    wide = cv2.dilate((mask > 0).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, reach))
    row, column = min(int(peak[1] * rows), rows - 1), min(int(peak[0] * columns), columns - 1)
    return bool(wide[row, column])


def heatmap_hit_rate(
    heatmaps: Sequence[npt.NDArray[np.float32]] | npt.NDArray[np.float32],
    masks: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8],
    chosen: Bools,
    widen: float = 0.05,
) -> float:
    """Return the share of the `chosen` pictures (defective, mask known) whose heatmap peaks in the widened mask.

    heatmaps (rows, columns), masks (H, W), of n pictures; chosen (n,). NaN when none is chosen.
    """
    places = np.flatnonzero(chosen)
    return _share(peak_hits([heatmap_peak(heatmaps[i]) for i in places], [masks[i] for i in places], widen))
