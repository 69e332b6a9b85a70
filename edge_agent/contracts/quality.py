"""Measures of a picture itself, the same in training statistics, on the device and in drift detection."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.preprocess import Picture

QUALITY_FEATURES = ("brightness", "contrast", "sharpness", "dark_share", "bright_share")
"""Names in the order of `image_quality`'s result."""

_DARK, _BRIGHT = 16, 240


def image_quality(picture: Picture) -> tuple[float, float, float, float, float]:
    """Measure the model's input picture (height, width, channels), uint8.

    Returns mean grey level (0..255), standard deviation (0..127.5), standard deviation of the Laplacian
    (0 for a flat picture), and the shares (0..1) of nearly black and nearly white pixels.
    """
    grey = picture[:, :, 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    edges = np.asarray(cv2.Laplacian(grey, cv2.CV_16S), np.int16)
    return (
        float(mean[0, 0]),
        float(deviation[0, 0]),
        _deviation(edges),
        _share(grey, _DARK - 1, cv2.THRESH_BINARY_INV),
        _share(grey, _BRIGHT - 1, cv2.THRESH_BINARY),
    )


def _share(grey: npt.NDArray[Any], beyond: int, kind: int) -> float:
    """Return the share of pixels on one side of a level; two such passes take a third of a histogram's time."""
    return cv2.countNonZero(cv2.threshold(grey, beyond, 1, kind)[1]) / grey.size


def _deviation(values: npt.NDArray[np.int16]) -> float:
    """Return the standard deviation of signed values; `cv2.meanStdDev` takes eight times as long for them."""
    mean = cv2.sumElems(values)[0] / values.size
    return math.sqrt(max(0.0, cv2.norm(values) ** 2 / values.size - mean * mean))
