"""What a picture of the same part could also have looked like: other light, other position, other noise.

All draws come from the generator that is passed in: the same seed gives the same pictures, so a resumed training sees
what it would have seen. Pictures stay uint8, as a camera delivers them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from trainer.vision.data import Batch

Picture = npt.NDArray[np.uint8]

_LEVELS = np.arange(256) / 255.0
_LARGEST_GAIN, _LARGEST_CURVE, _LARGEST_OFFSET, _LARGEST_NOISE = 0.35, 0.2, 12.0, 3.0


@dataclass(frozen=True)
class Placing:
    """How far a part may lie elsewhere: `zoom` and `stretch` as logarithms, `move` as a fraction of the picture."""

    zoom: float = 0.02
    stretch: float = 0.05
    move: float = 0.02


def augment(batch: Batch, rng: np.random.Generator, placing: Placing | None = None) -> Batch:
    """Change the pictures of a batch, `images` (n, H, W, C) uint8 and `masks` (n, H, W) uint8 together.

    Returns a new batch with the same keys, shapes and types.
    """
    placing = placing or Placing()
    pairs = [_moved(image, mask, placing, rng) for image, mask in zip(batch["images"], batch["masks"], strict=True)]
    images = np.stack([_exposed(image, rng) for image, _ in pairs])
    return {**batch, "images": images, "masks": np.stack([mask for _, mask in pairs])}


def _moved(image: Picture, mask: Picture, placing: Placing, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """Mirror, scale and move; the border is filled with its mirror image, which draws no edge of its own."""
    rows, columns = mask.shape
    steps = (-1 if rng.random() < 0.5 else 1, -1 if rng.random() < 0.5 else 1)
    image, mask = image[:: steps[0], :: steps[1]], mask[:: steps[0], :: steps[1]]
    draws = rng.uniform(-1, 1, 4)
    zoom, stretch = draws[0] * placing.zoom, draws[1] * placing.stretch
    scaled = np.diag(np.exp([zoom + stretch, zoom - stretch]))
    centre = np.asarray([columns, rows]) / 2
    move = centre - scaled @ centre + draws[2:] * placing.move * 2 * centre
    matrix = np.concatenate([scaled, move[:, None]], axis=1)
    there = [
        cv2.warpAffine(np.ascontiguousarray(x), matrix, (columns, rows), flags=how, borderMode=cv2.BORDER_REFLECT_101)
        for x, how in ((image, cv2.INTER_LINEAR), (mask, cv2.INTER_NEAREST))
    ]
    return np.asarray(there[0], np.uint8).reshape(image.shape), np.asarray(there[1], np.uint8)


def _exposed(image: Picture, rng: np.random.Generator) -> Picture:
    """Change lamp (gain, 0.7 to 1.4), camera curve (gamma), black level and sensor noise."""
    draws = rng.uniform(-1, 1, 4)
    gain, curve = np.exp(draws[0] * _LARGEST_GAIN), np.exp(draws[1] * _LARGEST_CURVE)
    table = _LEVELS**curve * gain * 255.0 + draws[2] * _LARGEST_OFFSET
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(_LARGEST_NOISE * abs(draws[3]))
    return np.asarray(np.clip(np.rint(table.astype(np.float32)[image] + noise), 0, 255), np.uint8)
