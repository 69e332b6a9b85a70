"""Exposure and gain of a V4L2 camera, by the controls that OpenCV hands through unchanged.

V4L2_CID_EXPOSURE_AUTO 1 is manual, V4L2_CID_EXPOSURE_ABSOLUTE counts 100 microseconds (Linux Media Infrastructure,
"Camera Control Reference"). V4L2_CID_GAIN counts steps that each driver defines: how many make one decibel must be
said in the source's address.
"""

from __future__ import annotations

from typing import Protocol

import cv2

from edge_agent.capture.settings import CameraSettings
from edge_agent.contracts.errors import Rejected

_MANUAL = 1.0
_UNIT_US = 100.0


class Controls(Protocol):
    """What a `cv2.VideoCapture` on V4L2 offers."""

    def get(self, propId: int) -> float:
        """Return a control's value; below 0 where the camera has no such control."""

    def set(self, propId: int, value: float) -> bool:
        """Set a control; False where the driver refuses."""


def adjust(controls: Controls, wanted: CameraSettings, steps_per_db: float | None) -> CameraSettings:
    """Set what is wanted and return what the driver reads back. Raises Rejected where it refuses."""
    exposure = gain = None
    if wanted.exposure_us is not None:
        exposure = _exposure(controls, wanted.exposure_us)
    if wanted.gain_db is not None:
        gain = _gain(controls, wanted.gain_db, steps_per_db)
    return CameraSettings(exposure, gain)


def _exposure(controls: Controls, wanted_us: float) -> float | None:
    if not controls.set(cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL):
        raise Rejected("the camera cannot leave automatic exposure; take exposure_us out of the recipe")
    if not controls.set(cv2.CAP_PROP_EXPOSURE, max(1.0, round(wanted_us / _UNIT_US))):
        raise Rejected(f"the camera refuses an exposure of {wanted_us:g} us; change exposure_us in the recipe")
    found = controls.get(cv2.CAP_PROP_EXPOSURE)
    return found * _UNIT_US if found >= 0 else None


def _gain(controls: Controls, wanted_db: float, steps_per_db: float | None) -> float | None:
    if steps_per_db is None:
        raise Rejected(
            f"the recipe wants a gain of {wanted_db:g} dB, and nobody knows what that is for this camera; "
            f"say how many of its steps make one decibel, as in usb:0?gain_steps=10"
        )
    if not controls.set(cv2.CAP_PROP_GAIN, round(wanted_db * steps_per_db)):
        raise Rejected(f"the camera refuses a gain of {wanted_db:g} dB; change gain_db in the recipe")
    found = controls.get(cv2.CAP_PROP_GAIN)
    return found / steps_per_db if found >= 0 else None
