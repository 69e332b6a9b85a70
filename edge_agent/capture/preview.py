"""The live picture and the focus aid: what the camera sees now, for as long as somebody looks.

Nothing happens while nobody does. While somebody does, a thread of its own, with a lower right to the processor,
measures and encodes at most four pictures a second and leaves them in a file for the page's process.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.capture.camera import Camera
from edge_agent.capture.frame import Frame
from edge_agent.capture.preview_file import PreviewFile, Shown
from edge_agent.clock import Clock
from edge_agent.contracts.preprocess import crop, fitted, from_camera
from edge_agent.contracts.quality import image_quality
from edge_agent.contracts.recipe import Camera as CameraRecipe
from edge_agent.contracts.recipe import Colour, Guards, Recipe

LOOK_S = 3.0
"""So long after the last word that somebody looks, pictures are made."""

PERIOD_S = 0.25
BINS = 64
_WIDTH, _QUALITY, _NICE = 960, 80, 5
"""Not the lowest right: a thread that is kept waiting with the interpreter's lock in its hand holds up inspection."""

_log = logging.getLogger("lineside.preview")


class Preview:
    """Leaves pictures of `camera` at `path` while somebody looks; `want` is called again and again by whoever does."""

    def __init__(self, path: Path, camera: Camera, clock: Clock) -> None:
        self._path, self._camera, self._clock = path, camera, clock
        self._recipe: Recipe | None = None
        self._until = float("-inf")
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def want(self, recipe: Recipe | None) -> None:
        """Somebody looks; `recipe` is the one in force, whose region and bands are shown."""
        with self._lock:
            self._recipe, self._until = recipe, self._clock.monotonic() + LOOK_S
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Make no more pictures."""
        self._closing.set()
        thread = self._thread
        if thread is not None:
            thread.join(2.0)

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            file = PreviewFile(self._path)
        except OSError as error:
            _log.warning("no live picture: %s", error)
            self._thread = None
            return
        shown: Frame | None = None
        while self._looked_at(file):
            frame = self._camera.seen
            if frame is not None and frame is not shown:
                shown = frame
                self._show(file, frame)
            self._closing.wait(PERIOD_S)

    def _looked_at(self, file: PreviewFile) -> bool:
        """Return whether to go on; where not, the file is gone before the next who looks starts another thread."""
        with self._lock:
            if self._clock.monotonic() < self._until and not self._closing.is_set():
                return True
            file.close()
            self._thread = None
            return False

    def _show(self, file: PreviewFile, frame: Frame) -> None:
        assert frame.picture is not None, "the camera remembers whole pictures only"
        facts = {"at": frame.at, "index": frame.index, **measured(frame.picture, self._recipe)}
        try:
            file.write(Shown(facts, encoded(frame.picture)))
        except OSError as error:
            _log.warning("no live picture: %s", error)


def measured(picture: npt.NDArray[np.uint8], recipe: Recipe | None) -> dict[str, Any]:
    """Return what the page shows of a camera's picture, BGR or grey.

    `width`, `height`; `crop` as fractions (left, top, right, bottom). Of that region at full size: `brightness` (mean
    grey level), `sharpness` (see `focus`), shares `black` (level 0) and `white` (255), `histogram` with 64 bins, as
    shares of the highest. `guards`: the recipe's bands, and sharpness as it measures it, on the model's
    input; None without a recipe.
    """
    region = recipe.camera.crop if recipe is not None else CameraRecipe().crop
    grey = crop(from_camera(picture, Colour.GREY), region)
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    bins = counts.reshape(BINS, -1).sum(axis=1)
    return {
        "width": picture.shape[1],
        "height": picture.shape[0],
        "crop": list(region.corners),
        "brightness": round(float(grey.mean()), 1),
        "sharpness": round(focus(grey), 2),
        "black": round(float(counts[0]) / grey.size, 5),
        "white": round(float(counts[255]) / grey.size, 5),
        "histogram": [round(float(count), 3) for count in bins / max(1.0, float(bins.max()))],
        "guards": _guards(grey, recipe) if recipe is not None else None,
    }


def focus(grey: npt.NDArray[np.uint8]) -> float:
    """Return how sharp a grey picture is: the deviation of the Laplacian, once noise is smoothed away (one pixel).

    Without the smoothing noise hides what turning the lens does, as long as the picture is far out of focus.
    """
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    return float(cv2.meanStdDev(cv2.Laplacian(smooth, cv2.CV_32F))[1][0, 0])


def _guards(grey: npt.NDArray[np.uint8], recipe: Recipe) -> dict[str, float]:
    bands: Guards = recipe.guards
    sharpness = image_quality(fitted(grey, recipe.network))[2]
    return {
        "brightness_min": bands.brightness_min,
        "brightness_max": bands.brightness_max,
        "sharpness_min": bands.sharpness_min,
        "sharpness": round(sharpness, 2),
    }


def encoded(picture: npt.NDArray[np.uint8]) -> bytes:
    """Return the whole picture as JPEG, at most 960 pixels wide."""
    height, width = picture.shape[:2]
    if width > _WIDTH:
        size = (_WIDTH, max(1, round(height * _WIDTH / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
