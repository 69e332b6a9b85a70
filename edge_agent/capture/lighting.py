"""A lamp that can be turned down: pictures scaled by a factor that changes with time or with a file's content."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.capture.address import Address
from edge_agent.clock import Clock

_LOOK_EVERY_S = 0.2


class Lighting:
    """Scales pictures as the address of their source says. Seconds count from when this was made."""

    def __init__(self, address: Address, clock: Clock) -> None:
        self._dimming = address.dimming
        self._lamp = address.lamp
        self._clock = clock
        self._started = clock.monotonic()
        self._looked = float("-inf")
        self._level = 1.0

    def apply(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the picture as it looks in the present light."""
        factor = self.factor()
        if factor == 1.0:
            return picture
        return np.asarray(cv2.convertScaleAbs(picture, alpha=factor), np.uint8).reshape(picture.shape)

    def factor(self) -> float:
        """Return the present factor, 1 in full light."""
        now = self._clock.monotonic()
        dimmed = self._dimming is not None and now - self._started >= self._dimming.after_s
        factor = self._dimming.factor if self._dimming is not None and dimmed else 1.0
        return max(0.0, factor * self._lamp_level(now))

    def _lamp_level(self, now: float) -> float:
        if self._lamp is not None and now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            self._level = _read_level(self._lamp, self._level)
        return self._level


def _read_level(path: Path, last: float) -> float:
    """Return the factor in the file; 1 without a file, the last one while somebody writes it."""
    try:
        return float(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 1.0
    except (OSError, ValueError):
        return last
