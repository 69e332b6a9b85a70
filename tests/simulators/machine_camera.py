"""A camera with exposure and gain, as a driver sees it: the picture's light follows both, within limits and in steps.

`SensorControls` speaks as OpenCV's V4L2 controls do; `MachineCamera` is a source with such a sensor behind it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.capture import v4l2
from edge_agent.capture.frame import Frame
from edge_agent.capture.settings import CameraSettings
from edge_agent.clock import SYSTEM
from edge_agent.contracts.errors import Unavailable

_PERIOD_S = 0.02
_AUTOMATIC, _MANUAL = 3.0, 1.0
_STEPS_PER_DB = 10.0


@dataclass
class SensorControls:
    """Exposure counts 100 us, gain tenths of a decibel. A driver clamps what is out of range and says it was set."""

    longest: float = 500.0
    strongest: float = 240.0
    refuses: frozenset[int] = frozenset()
    silent: frozenset[int] = frozenset()
    values: dict[int, float] = field(
        default_factory=lambda: {
            cv2.CAP_PROP_AUTO_EXPOSURE: _AUTOMATIC,
            cv2.CAP_PROP_EXPOSURE: 100.0,
            cv2.CAP_PROP_GAIN: 0.0,
        }
    )

    def set(self, propId: int, value: float) -> bool:
        """Set a control; exposure only moves once the automatic is off."""
        if propId in self.refuses or propId not in self.values:
            return False
        if propId == cv2.CAP_PROP_EXPOSURE:
            if self.values[cv2.CAP_PROP_AUTO_EXPOSURE] != _MANUAL:
                return False
            value = min(max(value, 1.0), self.longest)
        if propId == cv2.CAP_PROP_GAIN:
            value = min(max(value, 0.0), self.strongest)
        self.values[propId] = value
        return True

    def get(self, propId: int) -> float:
        """Return a control's value, -1 for one that does not tell it."""
        return -1.0 if propId in self.silent else self.values.get(propId, -1.0)

    @property
    def light(self) -> float:
        """How bright a picture is, 1 at 10 ms and 0 dB."""
        gain_db = self.values[cv2.CAP_PROP_GAIN] / _STEPS_PER_DB
        return float(self.values[cv2.CAP_PROP_EXPOSURE] / 100.0 * 10 ** (gain_db / 20))


class MachineCamera:
    """Fifty pictures a second of one part, lit as the sensor is set; it can be unplugged, and then forgets."""

    live = True
    period_s = 0.0

    def __init__(self, picture: npt.NDArray[np.uint8], sensor: SensorControls | None = None) -> None:
        self.sensor = sensor or SensorControls()
        self.plugged = threading.Event()
        self.plugged.set()
        self.opened = 0
        self._picture = picture
        self._random = np.random.default_rng(4)
        self._index = 0
        self._pause = threading.Event()

    def open(self) -> None:
        """Connect; a camera that had no power begins with its own settings."""
        if not self.plugged.is_set():
            raise Unavailable("machine camera: no such device")
        self.opened += 1
        self.sensor.values.update(SensorControls().values)

    def adjust(self, wanted: CameraSettings) -> CameraSettings:
        """Set the sensor by the same code that sets a V4L2 device."""
        return v4l2.adjust(self.sensor, wanted, _STEPS_PER_DB)

    def read(self) -> Frame | None:
        """Return the next picture."""
        self._pause.wait(_PERIOD_S)
        if not self.plugged.is_set():
            raise Unavailable("machine camera: no such device")
        self._index += 1
        lit = self._picture * self.sensor.light + self._random.normal(0, 1, self._picture.shape)
        return Frame(np.clip(lit, 0, 255).astype(np.uint8), SYSTEM.monotonic(), index=self._index)

    def close(self) -> None:
        """Let go."""
