"""Drawn surfaces with and without defects, where a network learns what to look for before it sees real ones.

A line makes few defective parts, and a network that knows nothing learns them by heart. What it has learned on any
number of drawn surfaces carries over: see docs/notes/vision-experiments.md.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from trainer.vision.data import Batch
from trainer.vision.flaws import flaw
from trainer.vision.invent import UNKNOWN_DEFECT
from trainer.vision.surfaces import Field, Size, light, surface, uniform

_DEFECTIVE = 0.5

Grey = npt.NDArray[np.uint8]


def drawn_batch(rng: np.random.Generator, count: int, size: Size, channels: int) -> Batch:
    """Return `count` drawn pictures as a batch, see `invented_batch`; about half of them have a defect of no kind."""
    made = [draw(rng, size) for _ in range(count)]
    masks = np.stack([mask for _, mask in made])
    return {
        "images": np.repeat(np.stack([picture for picture, _ in made])[..., None], channels, axis=3),
        "labels": np.where(masks.any(axis=(1, 2)), UNKNOWN_DEFECT, 0).astype(np.int32),
        "masks": masks,
        "masked": np.ones(count, np.float32),
    }


def draw(rng: np.random.Generator, size: Size) -> tuple[Grey, Grey]:
    """Return picture and mask (1 = defect) of one surface, both (rows, columns)."""
    drawing = surface(rng, size)
    for _ in range(int(rng.integers(1, 3)) if rng.random() < _DEFECTIVE else 0):
        drawing = flaw(rng, drawing)
    return _photographed(rng, drawing.seen() + light(rng, size)), drawing.mask()


def _photographed(rng: np.random.Generator, scene: Field) -> Grey:
    """Return what the camera makes of the scene (logarithm of grey levels): focus, grain, 8 bits."""
    picture = np.exp(np.clip(scene, -2, 6.5))
    if rng.random() < 0.5:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), uniform(rng, 0.3, 1.2)), np.float32)
    noise = rng.standard_normal(picture.shape, np.float32)
    grain = uniform(rng, 0.005, 0.05) * picture + uniform(rng, 0.3, 2.0)
    return np.asarray(np.clip(np.rint(picture + grain * noise), 0, 255), np.uint8)
