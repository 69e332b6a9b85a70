"""Cameras and video files by OpenCV: V4L2 (`usb:0`), RTSP cameras, and files (`file:///x.mp4`)."""

from __future__ import annotations

import os

import cv2
import numpy as np

from edge_agent.capture import v4l2
from edge_agent.capture.address import Address
from edge_agent.capture.frame import Frame
from edge_agent.capture.lighting import Lighting
from edge_agent.capture.settings import CameraSettings, set_elsewhere
from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Unavailable

_TIMEOUT_MS = 1000
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")  # seconds; ten would hide a camera that hangs
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_flags;prefer_tcp|fpsprobesize;1")
"""A packet lost by UDP tears a picture. Without `fpsprobesize` FFmpeg looks at twenty pictures, 0.8 s at 25 a second,
to guess a rate that nobody asks for. OpenCV 4.11 alone takes no options (its issue 27091) and is as slow as before."""


class VideoSource:
    """A camera or a video file. Of a camera only the latest frame counts; of a file each frame is a part."""

    def __init__(self, address: Address, clock: Clock) -> None:
        self.live = address.scheme != "file"
        fps = address.number("fps", 0.0)
        self.period_s = 1.0 / fps if fps > 0 and not self.live else 0.0
        self._address = address
        self._clock = clock
        self._light = Lighting(address, clock)
        self._capture: cv2.VideoCapture | None = None
        self._index = 0
        self._grabbed = False

    def open(self) -> None:
        """Connect. Raises Unavailable while the camera is away, ConfigError for a file that is no video."""
        getattr(cv2.utils, "logging", cv2).setLogLevel(0)  # the former in OpenCV 5, cv2.setLogLevel before
        started = self._clock.monotonic()
        self._capture = self._connect()
        if self._capture.isOpened():
            self._grabbed = self._address.scheme == "rtsp"
            if not self._grabbed or self._drop_old(self._capture, self._clock.monotonic() - started):
                return
        self.close()
        if not self.live:
            raise ConfigError(f"{self._address.target}: not a video file that OpenCV can read; give another --source")
        raise Unavailable(f"camera {self._address.shown} does not answer; is it plugged in?")

    def _connect(self) -> cv2.VideoCapture:
        if self._address.scheme == "usb":
            capture = cv2.VideoCapture(_device(self._address.target), cv2.CAP_V4L2)
            for name, key in (("width", cv2.CAP_PROP_FRAME_WIDTH), ("height", cv2.CAP_PROP_FRAME_HEIGHT)):
                if name in self._address.options:
                    capture.set(key, self._address.number(name, 0.0))
            return capture
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        return cv2.VideoCapture(self._address.target, cv2.CAP_FFMPEG, limits)

    def adjust(self, wanted: CameraSettings) -> CameraSettings:
        """Set the camera and return what it reads back. Raises Rejected where it refuses or cannot be set from here.

        With `settings=own` in its address the camera is set elsewhere, and what is wanted is taken for granted.
        """
        assert self._capture is not None, "open() comes first"
        if self._address.scheme != "usb" or self._address.options.get("settings") == "own":
            return set_elsewhere(wanted, self._address)
        steps = self._address.number("gain_steps", 0.0)
        return v4l2.adjust(self._capture, wanted, steps if steps > 0 else None)

    def read(self) -> Frame | None:
        """Wait for the next frame. Raises Unavailable when a camera gives none; None at the end of a file."""
        assert self._capture is not None, "open() comes first"
        try:
            good, picture = self._capture.retrieve() if self._grabbed else self._capture.read()
        except cv2.error as error:
            raise Unavailable(f"camera {self._address.shown} broke off ({error})") from error
        self._grabbed = False
        if not good and not self.live:
            return self._rewind()
        if not good:
            raise Unavailable(f"camera {self._address.shown} gives no frames")
        content = self._light.apply(np.asarray(picture, np.uint8)) if picture is not None and picture.size else None
        self._index += 1
        return Frame(content, self._clock.monotonic(), index=self._index, views=0 if self.live else 1, live=self.live)

    def _drop_old(self, capture: cv2.VideoCapture, opening_s: float) -> bool:
        """Grab the first picture that came after the stream was open; False where none comes.

        FFmpeg hands out those that came meanwhile, too, all at once: they may show an earlier part. Streams without
        times of their own lose as long again at most.
        """
        until = self._clock.monotonic() + opening_s
        try:
            while capture.grab():
                if not capture.get(cv2.CAP_PROP_POS_MSEC) < opening_s * 1e3 or self._clock.monotonic() > until:
                    return True
        except cv2.error:
            return False
        return False

    def _rewind(self) -> Frame | None:
        if not self._address.flag("loop") or self._capture is None or self._index == 0:
            return None
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        good, picture = self._capture.read()
        if not good:
            return None
        self._index += 1
        content = self._light.apply(np.asarray(picture, np.uint8))
        return Frame(content, self._clock.monotonic(), index=self._index, views=1, live=False)

    def close(self) -> None:
        """Let go of the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _device(target: str) -> int | str:
    return int(target) if target.isdigit() else target
